"""Tests of what needs no host."""
