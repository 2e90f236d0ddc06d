# The console: pages of those who run the installation.
nav-admin = Administration
tab-overview = Overview
tab-users = People
tab-plans = Plans
tab-usage = Usage
tab-upstreams = Upstreams
tab-settings = Settings
tab-audit = Audit

# What all pages share.
saved = Saved. It counts from now on.
declared = The configuration file declares this. Change it there, then restart the server.
next = Next page
older = Older
show = Show
search = Search
unlimited = Unlimited
ago-now = just now
ago-minutes = { $count ->
    [one] 1 minute ago
   *[other] { $count } minutes ago
}
ago-hours = { $count ->
    [one] 1 hour ago
   *[other] { $count } hours ago
}
ago-days = { $count ->
    [one] 1 day ago
   *[other] { $count } days ago
}
id-hint = 1 to 64 of a-z, 0-9, “-”, “_” and “.”. It cannot be changed later.

# Columns and terms.
column-plan = Plan
column-models = Models
column-rates = Rates
column-budgets = Budgets
column-max-output = Output ceiling (tokens)
column-upstream = Upstream
column-base-url = Base URL
column-key = Key
column-changed = Changed
column-email = E-mail
column-name = Name
column-role = Role
column-state = State
column-since = Joined
column-groups = Groups
column-id = Id
column-day = Day (UTC)
column-model = Model
column-user = Person
column-group = Group
column-client = App
column-calls = Calls
column-input-tokens = Input (tokens)
column-cached-tokens = Of it cached
column-output-tokens = Output (tokens)
column-cost = Cost
column-estimated = Estimated calls
column-when = When
column-actor = Who
column-action = What
column-target = To what
column-from = From
column-request = Request id
tokens = Tokens
money = Cost
money-unpriced = { $money }, and { $count ->
    [one] 1 call without a price
   *[other] { $count } calls without a price
}
no-price = no price

# Overview.
overview-lead = What happened today (UTC), and what needs you.
overview-empty = No calls yet today. A first one, with a key from the account page:
needs-you = This needs you
today = Today
top-people = Who uses most today
installation-budgets = Budgets of the installation
bar-used = { $used } of { $limit }
bar-resets = Starts again { $at }
need-upstream = There is no upstream. Add one, so that calls have somewhere to go.
need-plan = There is no plan. Make one; without a plan nobody calls a model.
need-default-plan = Everybody may sign up, but there is no default plan. Name one, or new people call nothing.
need-key-refused = { $upstream } refuses our key. Give it a new one.
need-quota-spent = Our account at { $upstream } has run dry. Calls fail until it is filled up.
need-secret-leaked = An answer of { $upstream } held our own key and was stopped. Change the key.
need-failing = { $upstream } fails: { $failed } of { $all } calls in the last hour.
need-reserves = { $count ->
    [one] A crash reserve was charged in the last week. Look at it.
   *[other] { $count } crash reserves were charged in the last week. Look at them.
}

# People.
users-lead = Everybody who has an account here.
users-caption = People, oldest account first
users-empty = Nobody fits. Change the search, or add a person.
users-search = E-mail begins with
user-lead = What this person may do, and by which plan.
user-save = Save person
user-disabled = This account is disabled. Its sessions are over and its keys are refused.
role-member = Member
role-admin = Admin
role-owner = Owner
role-hint = Members use what their plan allows. Admins manage everything but owners.
state-active = Active
state-disabled = Disabled
state-hint = Disabling ends all sessions and stops all keys within a second. It can be undone here.
no-own-plan = None of their own
plan-hint = Without a plan of their own, the plan of a group counts, then the default plan.
no-groups = None

# Plans.
plans-lead = What people may call, how fast, and how much of it.
plans-caption = Plans by name
plans-empty = Plans will be here. Without one nobody calls a model.
plan-make = Make plan
plan-save = Save plan
plan-lead = Limits count for each person who has this plan. An empty field is no limit.
plan-id = Name of the plan
no-models = None
all-models = All
models-hint = One on each line: a name, or the beginning of names with a * after it. A single * is all.
max-output = Output ceiling of a call, in tokens
max-output-hint = The most that a call may ask for, and what it gets when it asks for nothing.
rates-heading = Rates
requests-per-minute = Calls per minute
tokens-per-minute = Tokens per minute
concurrent = Calls at the same time
rate-requests = { $limit } calls/min
rate-tokens = { $limit } tokens/min
rate-concurrent = { $limit } at once
budgets-heading = Budgets
budget-money-day = Money each day
budget-money-week = Money each week
budget-money-month = Money each month
budget-tokens-day = Tokens each day
budget-tokens-week = Tokens each week
budget-tokens-month = Tokens each month
budget-calls-day = Calls each day
budget-calls-week = Calls each week
budget-calls-month = Calls each month
budget-line = { $name }: { $limit }
money-hint = In dollars, for example 5 or 2.50.
time-zone = Time zone
time-zone-hint = Days, weeks and months of the budgets follow it, for example Europe/Berlin.

# Usage.
usage-lead = What everybody used. Without dates, the last 30 days.
usage-caption = Usage, newest day first
usage-cut = Usage, the first 500 rows; the CSV file has all of them
usage-empty = Nothing was used in this time. Choose other days.
usage-from = First day
usage-to = Last day
usage-by = Split by
usage-by-day = Day
usage-by-day-model = Day and model
usage-by-day-user = Day and person
usage-by-model = Model
usage-by-user = Person
usage-by-key = Key
usage-by-day-model-user = Day, model and person
usage-csv = Download CSV

# Upstreams.
upstreams-lead = The model providers that calls go to. Keys are sealed and never shown.
upstreams-caption = Upstreams by name
upstreams-empty = Upstreams will be here: OpenAI, or any service that speaks its API.
upstream-add = Add upstream
upstream-save = Save upstream
upstream-lead = Where calls go, and with which key.
upstream-id = Name of the upstream
base-url-hint = Where its routes start, for example https://api.openai.com/v1.
api-key = API key
api-key-hint = Our key there. It is sealed, and never shown again.
api-key-keep = A key is set. Leave this empty to keep it; it is needed again for another host.
header = Header of the key
header-hint = Empty for “Authorization: Bearer”. Azure, for example, takes api-key.
key-set = Set
key-none = None
key-refused = Refused
key-dry = Account run dry
key-leaked = Found in an answer

# Settings.
settings-lead = What holds for the whole installation.
settings-save = Save settings
registration = Registration
registration-closed = Closed: people are added by those who manage the installation
registration-open = Open: everybody may sign up
registration-hint = Who may make an account on the sign-up page.
default-plan = Default plan
default-plan-hint = The plan of people who have none of their own and none by a group.
no-plan = None: they call nothing

# Audit.
audit-lead = Every change, each record bound to the one before it by a hash.
audit-caption = Changes, newest first
audit-empty = No change fits. Show others.

# What is wrong with a form, and what to do.
wrong-id = This is not a name. Use 1 to 64 of a-z, 0-9, “-”, “_” and “.”, starting with a letter or digit.
wrong-taken = This name is taken. Choose another one.
wrong-changed = Somebody else changed this meanwhile. Load the page again, then change it.
wrong-models = One of these lines is not a model. A * may stand at the end of a name only.
wrong-number = Use a whole number from 1 on, or leave the field empty.
wrong-amount = Use a number such as 100000, for money also 2.50, or leave the field empty.
wrong-time_zone = There is no such time zone. Use a name like Europe/Berlin or UTC.
wrong-max_output_tokens = Use a whole number from 1 on.
wrong-base_url = This address cannot be used. It starts with https:// (http:// on this machine only), and has no user name and no query.
wrong-api_key = This key does not fit, or it is needed again because the host has changed. Paste the whole key.
wrong-header = This is not the name of a header that can carry a key.
wrong-plan = There is no such plan. Choose another one.
wrong-default_plan = There is no such plan. Choose another one.
wrong-owner = Only an owner may do this to an owner. Ask one of them.
wrong-last-owner = This is the last owner. Make somebody else an owner first.
