# SPDX-License-Identifier: GPL-2.0
"""What tests/run runs: items, each with its test cases."""
