# SPDX-License-Identifier: Apache-2.0
"""A small Segment Anything of one's own, from pictures that need no labels."""
