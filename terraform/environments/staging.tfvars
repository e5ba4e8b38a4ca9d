# Staging: nothing that costs while idle.
environment    = "staging"
vertex_vectors = false
monthly_budget = 50
