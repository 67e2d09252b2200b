# SPDX-License-Identifier: Apache-2.0
"""SARTM: Segment Anything with a language's help for RGB and thermal pictures."""
