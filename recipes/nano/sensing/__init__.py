"""The full-spectrum space: recordings made from stated formulas, and the head over them."""
