"""How images begin: from noise, from other images, under masks, and from a first pass of their own."""
