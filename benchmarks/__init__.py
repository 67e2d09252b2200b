# SPDX-License-Identifier: Apache-2.0
"""Measurements: each module is a command that writes its result as JSON, with the machine it was taken on."""
