# An HTTPS load balancer that hands each path to the function that answers it.

resource "google_compute_global_address" "address" {
  project = var.project_id
  name    = "raptorflow"
}

resource "google_compute_region_network_endpoint_group" "function" {
  for_each              = var.routes
  project               = var.project_id
  name                  = each.key
  region                = var.region
  network_endpoint_type = "SERVERLESS"

  cloud_run {
    service = each.value.service
  }
}

# No timeout here: for Cloud Run the service's own applies, which a socket needs.
resource "google_compute_backend_service" "function" {
  for_each              = var.routes
  project               = var.project_id
  name                  = each.key
  protocol              = "HTTPS"
  load_balancing_scheme = "EXTERNAL_MANAGED"

  backend {
    group = google_compute_region_network_endpoint_group.function[each.key].id
  }

  log_config {
    enable      = true
    sample_rate = 0.1
  }
}

resource "google_compute_url_map" "paths" {
  project = var.project_id
  name    = "raptorflow"

  # What no function answers is answered by the first one, with its 404; so is /health.
  default_service = google_compute_backend_service.function[sort(keys(var.routes))[0]].id

  host_rule {
    hosts        = [var.domain]
    path_matcher = "functions"
  }

  path_matcher {
    name            = "functions"
    default_service = google_compute_backend_service.function[sort(keys(var.routes))[0]].id

    dynamic "path_rule" {
      for_each = var.routes
      content {
        paths   = path_rule.value.paths
        service = google_compute_backend_service.function[path_rule.key].id
      }
    }
  }
}

resource "google_compute_managed_ssl_certificate" "certificate" {
  project = var.project_id
  name    = "raptorflow"

  managed {
    domains = [var.domain]
  }
}

resource "google_compute_ssl_policy" "modern" {
  project         = var.project_id
  name            = "raptorflow"
  profile         = "MODERN"
  min_tls_version = "TLS_1_2"
}

resource "google_compute_target_https_proxy" "proxy" {
  project          = var.project_id
  name             = "raptorflow"
  url_map          = google_compute_url_map.paths.id
  ssl_certificates = [google_compute_managed_ssl_certificate.certificate.id]
  ssl_policy       = google_compute_ssl_policy.modern.id
}

resource "google_compute_global_forwarding_rule" "https" {
  project               = var.project_id
  name                  = "raptorflow"
  target                = google_compute_target_https_proxy.proxy.id
  ip_address            = google_compute_global_address.address.id
  port_range            = "443"
  load_balancing_scheme = "EXTERNAL_MANAGED"
}
