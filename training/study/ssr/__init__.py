# SPDX-License-Identifier: Apache-2.0
"""What SSR adds to DAFormer and to MIC, on drawn and on real pictures."""
