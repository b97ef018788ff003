"""Begins images: from noise, from other images, under masks, or from a first pass of their own."""
