# SPDX-License-Identifier: Apache-2.0
"""What each part of SARTM brings over networks without it, on drawn pairs in five lights."""
