# SPDX-License-Identifier: Apache-2.0
"""Weak labels: pairs of pictures that have boxes but no masks are labelled by what is there, for training."""
