"""Recordings in, drawn rows and windows out."""
