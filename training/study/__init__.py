# SPDX-License-Identifier: Apache-2.0
"""Whole tables of experiments, each by one command."""
