-- Who may see what: a signed-in member reads the rows of its own business and writes nothing. The service role, whose
-- key only the functions have, passes by the policies.

-- The business of the caller's token, as the functions read it: at the top level, else under `app_metadata`, which only
-- the service role can change. Never `user_metadata`: users write that themselves.
create or replace function raptorflow.caller_business() returns text
language sql stable set search_path = '' as $$
  select coalesce(auth.jwt() ->> 'business_id', auth.jwt() -> 'app_metadata' ->> 'business_id')
$$;

grant usage on schema raptorflow to authenticated, service_role;
revoke all on function raptorflow.caller_business() from public;
grant execute on function raptorflow.caller_business() to authenticated, service_role;

alter table public.businesses enable row level security;
alter table public.subscriptions enable row level security;
alter table public.ai_usage enable row level security;

-- A Supabase project grants everything on new tables to every role and leaves the rest to policies. Taken back, so that
-- a policy added by mistake still lets nobody write.
revoke all on public.businesses, public.subscriptions, public.ai_usage from public, anon, authenticated;
grant select on public.businesses, public.subscriptions, public.ai_usage to authenticated;
grant select, insert, update, delete on public.businesses, public.subscriptions, public.ai_usage to service_role;

-- `(select …)` makes the planner call the function once a statement instead of once a row.
drop policy if exists businesses_read_own on public.businesses;
create policy businesses_read_own on public.businesses
  for select to authenticated using (id = (select raptorflow.caller_business()));

drop policy if exists subscriptions_read_own on public.subscriptions;
create policy subscriptions_read_own on public.subscriptions
  for select to authenticated using (business_id = (select raptorflow.caller_business()));

drop policy if exists ai_usage_read_own on public.ai_usage;
create policy ai_usage_read_own on public.ai_usage
  for select to authenticated using (business_id = (select raptorflow.caller_business()));
