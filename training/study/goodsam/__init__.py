# SPDX-License-Identifier: Apache-2.0
"""What each part of GoodSAM adds, on drawn panoramas."""
