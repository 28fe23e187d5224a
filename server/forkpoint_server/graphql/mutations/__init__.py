"""Mutations: one input object each, one scope each; the rooms below do the work."""
