# SPDX-License-Identifier: Apache-2.0
"""SSR: Segment Anything regularises a network that adapts from one domain to another."""
