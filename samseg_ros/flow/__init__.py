# SPDX-License-Identifier: Apache-2.0
"""How frames travel between threads: small state machines without ROS."""
