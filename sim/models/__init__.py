"""The biology as data: antigen grid and recognition, and the leukaemia network built from them."""
