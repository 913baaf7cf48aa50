-- What is old is found without looking at everything.
CREATE INDEX detections_recorded ON detections (recorded_at);
CREATE INDEX alert_buckets_bucket ON alert_buckets (bucket);
