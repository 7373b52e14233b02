"""`make bench`: what the design promises about speed, measured as ratios within one run, on any machine."""
