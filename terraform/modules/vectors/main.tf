# A Vertex AI index that takes single updates, deployed on machines that never sleep.

resource "google_vertex_ai_index" "index" {
  display_name        = "raptorflow"
  region              = var.region
  index_update_method = "STREAM_UPDATE"

  metadata {
    config {
      dimensions                  = var.dimensions
      approximate_neighbors_count = 100
      distance_measure_type       = "COSINE_DISTANCE"
      shard_size                  = "SHARD_SIZE_SMALL"
      algorithm_config {
        tree_ah_config {
          leaf_node_embedding_count    = 1000
          leaf_nodes_to_search_percent = 10
        }
      }
    }
  }

  # The vectors live here alone; making them again costs an embedding each.
  lifecycle {
    prevent_destroy = true
  }
}

resource "google_vertex_ai_index_endpoint" "endpoint" {
  #checkov:skip=CKV2_GCP_34:Reached over Google's public address with IAM, so that the functions need no network of their own.
  display_name            = "raptorflow"
  region                  = var.region
  public_endpoint_enabled = true
}

resource "google_vertex_ai_index_endpoint_deployed_index" "deployed" {
  index_endpoint    = google_vertex_ai_index_endpoint.endpoint.id
  index             = google_vertex_ai_index.index.id
  deployed_index_id = "raptorflow"
  display_name      = "raptorflow"

  dedicated_resources {
    min_replica_count = 1
    max_replica_count = var.replicas
    machine_spec {
      machine_type = var.machine_type
    }
  }

  timeouts {
    create = "120m"
    delete = "60m"
  }
}
