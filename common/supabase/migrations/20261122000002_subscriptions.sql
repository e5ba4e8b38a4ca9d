-- What a business has bought. No row: it has no subscription, and its requests are refused.

create table if not exists public.subscriptions (
  business_id text primary key references public.businesses (id) on delete cascade,
  subscription_tier text not null
    constraint subscriptions_tier_known check (subscription_tier in ('basic', 'pro', 'enterprise')),
  -- `suspended` refuses new work; what runs already goes on.
  status text not null
    constraint subscriptions_status_known check (status in ('active', 'trial', 'suspended')),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

drop trigger if exists subscriptions_touch on public.subscriptions;
create trigger subscriptions_touch before update on public.subscriptions
  for each row execute function raptorflow.touch();
