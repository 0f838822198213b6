# SPDX-License-Identifier: GPL-2.0
"""What `make bench` measures, mainline and numaweave side by side in one run."""
