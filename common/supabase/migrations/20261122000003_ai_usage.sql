-- One row for every settled model call, copied from the ledger. The ledger decides; this table is for reading.
--
-- Money is integer nano-dollars: a billionth of a dollar sums exactly, a fraction would not.
-- `business_id` is no foreign key: what was spent stays true after a business is deleted, and a row that its table
-- refuses would hold the copy back.

create table if not exists public.ai_usage (
  call_id text primary key check (char_length(call_id) between 1 and 128),
  business_id text not null check (char_length(business_id) between 1 and 128),
  -- The analysis it belongs to, if any.
  task_id text,
  task_type text not null,
  -- `unknown`: billing could not be established, the upper bound is charged; a later finding makes it `done`.
  state text not null check (state in ('done', 'failed', 'unknown', 'cut')),
  -- The model that served it; null when none did.
  model text,
  -- The UTC day whose budget carries it.
  day date not null,
  cost_nano_usd bigint not null check (cost_nano_usd >= 0),
  -- Cached input is part of input, reasoning is part of output.
  input_tokens bigint not null default 0 check (input_tokens >= 0),
  cached_input_tokens bigint not null default 0 check (cached_input_tokens >= 0),
  output_tokens bigint not null default 0 check (output_tokens >= 0),
  reasoning_tokens bigint not null default 0 check (reasoning_tokens >= 0),
  searches bigint not null default 0 check (searches >= 0),
  fallback_used boolean not null default false,
  latency_ms bigint not null default 0 check (latency_ms >= 0),
  price_version text not null,
  called_at timestamptz not null,
  -- Grows with every change of the call in the ledger.
  revision bigint not null,
  updated_at timestamptz not null default now()
);

create index if not exists ai_usage_by_business_and_day on public.ai_usage (business_id, day);
create index if not exists ai_usage_by_task on public.ai_usage (task_id) where task_id is not null;

-- Rows arrive at least once and, when two copies run at the same time, in any order: an older state never replaces a
-- newer one.
create or replace function raptorflow.keep_latest_usage() returns trigger
language plpgsql set search_path = '' as $$
begin
  if new.revision < old.revision then
    return null;
  end if;
  new.updated_at := now();
  return new;
end
$$;

drop trigger if exists ai_usage_keep_latest on public.ai_usage;
create trigger ai_usage_keep_latest before update on public.ai_usage
  for each row execute function raptorflow.keep_latest_usage();
