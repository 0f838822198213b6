# SPDX-License-Identifier: GPL-2.0
"""The torture campaign: many sessions of `numaweave-guest torture`."""
