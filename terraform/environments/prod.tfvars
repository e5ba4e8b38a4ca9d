# Production. vertex_vectors costs about 70 USD a month, idle or not; false uses Firestore's vector search instead.
environment    = "prod"
vertex_vectors = true
monthly_budget = 500
