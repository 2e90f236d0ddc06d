# The console: pages of those who run the installation.
nav-admin = Administration
tab-overview = Overview
tab-users = People
tab-groups = Groups
tab-plans = Plans
tab-apps = Apps
tab-models = Models
tab-upstreams = Upstreams
tab-providers = Sign-in
tab-entries = Calls
tab-usage = Usage
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
id-hint = 1 to 64 of a-z, 0-9, “-”, “_” and “.”. It cannot be changed later.

# Columns and terms.
column-plan = Plan
column-models = Models
column-rates = Rates
column-budgets = Budgets
column-max-output = Output ceiling (tokens)
column-upstream = Upstream
column-base-url = Base URL
column-provider = Provider
column-kind = Kind
column-client-id = Client id
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
column-token = Access token
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
column-priority = Priority
column-pool = Shared budgets
column-members = Members
column-alias = Model
column-model-there = Name at the upstream
column-price = Price
column-price-input = Input (per million tokens)
column-price-cached = Cached input (per million tokens)
column-price-written = Input written to the cache (per million tokens)
column-price-output = Output (per million tokens)
column-type = Type
column-made = Made
column-keys = Keys
column-time = Time (UTC)
column-who = By
plan-none = None
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
user-link = Make a link
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
plan-tools = Tools
plan-tools-hint = One name on each line. A single * is all tools, an empty field none.
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
profile-instructions = Instructions
profile-instructions-hint = What the model is told before all that the caller says. In the places { "{{name}}" }, { "{{locale}}" } and { "{{plan}}" } stands whom the call is about.
profile-defaults = Where a call says nothing
profile-ceilings = At most
profile-temperature = Temperature, 0 to 2
profile-top-p = Top p, 0 to 1
profile-tokens = Output tokens
profile-effort = Reasoning effort where a call says nothing
profile-effort-unsaid = As the provider has it
profile-effort-hint = A model that does not reason refuses the word.

# Groups.
groups-lead = People who share a plan, and a pool of money or tokens if it has one.
groups-caption = Groups by name
groups-empty = Groups will be here. One gives many people a plan at once.
group-make = Make group
group-save = Save group
group-lead = Its plan counts for members who have none of their own. The pool is for all of them together.
group-id = Short name of the group
group-name-hint = What people read. Empty for the short name.
group-no-plan = None: the default plan counts
group-plan-hint = For members who have no plan of their own.
priority-hint = For people in several groups: the plan of the highest number counts.
members-hint = E-mail addresses of people who have an account, one on each line. These and no others are members.
members-many = { $count ->
    [one] 1 person. Change who it is by the command line or the API.
   *[other] { $count } people. There are too many to name here: change them by the command line or the API.
}
pool-heading = Budgets that all members share

# Apps.
apps-lead = Software that calls models for itself, with keys and a plan of its own.
apps-caption = Apps, oldest first
apps-empty = Apps will be here: a bot, a job, a website that calls models for itself.
app-make = Register app
app-save = Save app
app-lead = Its plan says what it may call. It calls with keys of its own.
app-keys = Keys of { $app }
app-no-plan = None: it calls nothing
app-owner = Managed by
app-state-hint = Disabling stops all its keys within a second. It can be undone here.
app-disabled = This app is disabled. Its keys are refused.
type-confidential = Confidential
type-public = Public
type-confidential-long = Confidential: it runs on a server and can keep a secret
type-public-long = Public: it runs in a browser or on people’s machines

# Models.
models-lead = The names that callers use, what stands behind them, and what it costs.
models-caption = Models by name
models-empty = Models will be here. Without one there is nothing to call.
model-make = Add model
model-save = Save model
model-lead = Calls for this name go to a model of an upstream. An empty budget is no limit.
model-needs-upstream = A model stands at an upstream, and there is none yet.
alias-hint = The name that callers use: 1 to 64 of a-z, 0-9, “-”, “_” and “.”. It cannot be changed later.
model-there-hint = As the upstream calls it, for example gpt-4o-mini. Its price is found by this name.
model-budgets-heading = Budgets over all its calls
no-price-means = No price: calls count in tokens and calls, not in money.
price-tier = { $class }, from { $from } input tokens on
context-tokens = Context (tokens)

# Calls.
entries-lead = Each attempt of each call, with what it cost and how it ended.
entries-caption = Calls, newest first
entries-none = Calls will be here. A first one, with a key from the account page:
entries-empty = No call fits. Show others.
entries-user = Person (e-mail or id)
entries-key = Key (id)
entry-all = All
entry-open = In flight
entry-settled = Settled
entry-estimated = Estimated
entry-interrupted = Interrupted
entry-crash_reserve = Crash reserve
entry-failed = Failed
entry-released = Released
entry-title = A call
entry-attempt = Attempt { $n }
entry-budget = Budget
entry-held = Held for it
entry-charged = Charged to budgets
entry-excess = Excess
entry-excess-means = The upstream reported more than was held; budgets were charged what was held.
entry-call = Call id
budget-of = { $name } ({ $holder })
whole-installation = the whole installation
cost-held = { $money } held
in-tokens = { $n ->
    [one] { $said } token
   *[other] { $said } tokens
}
in-calls = { $n ->
    [one] { $said } call
   *[other] { $said } calls
}
reserve-what = After a crash, this is what calls may have cost that were cut off before they were written down. Compare it with the bill of the upstream.
reserve-released = This reserve was released; its budget has it back.
release = Release reserve
release-lead = This gives { $amount } back to the budget “{ $budget }”, because you know that the upstream did not charge it. It cannot be undone.

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
upstream-make = Add upstream
upstream-save = Save upstream
upstream-test = Test upstream
test-works = { $n ->
    [one] It works: it takes our key and lists { $n } model.
   *[other] It works: it takes our key and lists { $n } models.
}
test-key-refused = It answers, and refuses our key. Paste another one and save it.
test-unreachable = Nobody answers there. Check the base URL, and whether this server may reach it.
test-unexpected = Something answers there (status { $status }), but not with a list of models. Check the base URL.
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

# Sign-in providers.
providers-lead = With whom people may sign in. Secrets are sealed and never shown.
providers-caption = Sign-in providers by name
providers-empty = Sign-in providers will be here: Google, GitHub, or any that speaks OpenID Connect or OAuth 2.0.
provider-make = Add provider
provider-save = Save provider
provider-test = Test provider
provider-lead = Register this site there with the redirect URI below, then enter what you get. Only an owner can change this.
provider-id = Name in addresses
provider-id-hint = 1 to 64 of a-z, 0-9, “-”, “_” and “.”. The redirect URI ends in it; it cannot be changed later.
redirect-uri = Redirect URI to register at the provider
redirect-uri-hint = Exactly so, every character of it.
redirect-uri-new = It ends in the name above: with another name it is another one.
client-id = Client id
client-id-hint = What the provider calls this site.
client-secret = Client secret
client-secret-hint = Our secret there. It is sealed, and never shown again.
client-secret-keep = A secret is set. Leave this empty to keep it; it is needed again for another issuer or token endpoint.
issuer = Issuer
issuer-hint = For kind OpenID Connect, exactly as the provider writes it. Microsoft: the issuer of your tenant, or empty for personal accounts.
provider-name = Name on the button
provider-name-hint = Empty: the provider’s own name.
provider-on = In use
provider-off = Off
enabled-hint = While it is off nobody signs in with it; accounts stay linked.
scopes = Scopes
scopes-hint = Separated by blanks. Empty: name and e-mail address.
auth-method = How the secret is sent
auth-usual = As usual for this kind
client-secret-basic = In the header (client_secret_basic)
client-secret-post = In the form (client_secret_post)
endpoints = Endpoints
endpoints-hint = One on each line, like “token https://id.example.com/token”: authorize, token, userinfo, emails, jwks. What is left out comes from the issuer or the kind.
fields = Members of the profile
fields-hint = One on each line, like “subject user_id”: subject, email, email_verified, name, locale. What is left out is as usual.
kind-google = Google
kind-github = GitHub
kind-facebook = Facebook
kind-microsoft = Microsoft
kind-oidc = OpenID Connect
kind-oauth2 = OAuth 2.0
provider-works = Nothing is wrong, as far as can be seen without a person signing in.
provider-does-not-work = People cannot sign in so. What was found is below.
part-metadata = Metadata of the issuer
part-authorize = Authorization endpoint
part-token = Token endpoint
part-userinfo = Profile
part-emails = E-mail addresses
part-jwks = Keys
part-credentials = Client id and secret
finding-ok = All is well
finding-refused-address = The address is private, and this server may not go there. Allow its network in outbound.allow.
finding-unreachable = Nobody answers there. Check the address.
finding-timed-out = It is too slow.
finding-redirected = It leads on to another address. Enter that one, if you trust it.
finding-bad-status = It answers with an error.
finding-too-large = Its answer is too large.
finding-not-json = Its answer is no JSON. Check the address.
finding-broken = Its answer cannot be used.
finding-other-issuer = It calls itself otherwise. Enter the issuer exactly as it writes it.
finding-missing = It is not there. Enter its address.
finding-elsewhere = It leads to another origin than the issuer’s. Enter its address yourself, if you trust it.
finding-odd-address = This is not an address that can be used.
finding-no-keys = There is no key that can be used.
finding-client-refused = It refuses the client id or the secret. Enter both again.
finding-redirect-uri-refused = It refuses the redirect URI. Register the one below, exactly so.
finding-unknown = This cannot be told without a person.

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
wrong-tools = One of these lines is not the name of a tool. A * stands for all tools, on a line of its own.
wrong-number = Use a whole number from 1 on, or leave the field empty.
wrong-instructions = Use at most 8 KiB, and no places but { "{{name}}" }, { "{{locale}}" } and { "{{plan}}" }.
wrong-to-two = Use a number from 0 to 2, such as 0.7, or leave the field empty.
wrong-to-one = Use a number from 0 to 1, such as 0.9, or leave the field empty.
wrong-amount = Use a number such as 100000, for money also 2.50, or leave the field empty.
wrong-time_zone = There is no such time zone. Use a name like Europe/Berlin or UTC.
wrong-max_output_tokens = Use a whole number from 1 on.
wrong-base_url = This address cannot be used. It starts with https:// (http:// on this machine only), and has no user name and no query.
wrong-api_key = This key does not fit, or it is needed again because the host has changed. Paste the whole key.
wrong-header = This is not the name of a header that can carry a key.
wrong-kind = Choose one of the kinds.
wrong-issuer = The issuer is an https address without “?” and “#” (http on this machine only). Kind OpenID Connect needs it; GitHub, Facebook and OAuth 2.0 have none.
wrong-client_id = Enter the client id that the provider gave you: 1 to 1024 visible characters.
wrong-client_secret = This secret does not fit, or it is needed again because the issuer or the token endpoint has changed. Enter the whole secret.
wrong-auth_method = Choose one of the ways.
wrong-endpoints = Write one on each line: authorize, token, userinfo, emails or jwks, then an https address (http on this machine only). OAuth 2.0 needs the first three.
wrong-fields = Write one on each line: subject, email, email_verified, name or locale, then the name of the member.
wrong-scopes = Scopes are at most 32 words. With an issuer, openid is one of them.
wrong-plan = There is no such plan. Choose another one.
wrong-default_plan = There is no such plan. Choose another one.
wrong-right = Only an owner may do this to an owner, and no key that is limited makes or lets in an admin. Do it as a person who may.
wrong-last-owner = This is the last owner. Make somebody else an owner first.
wrong-name = A name has 1 to 200 characters and no line breaks.
wrong-priority = Use a whole number, for example 10.
wrong-member = There is nobody with the address { $email }. Correct it, or add this person first.
wrong-members = One of these people is not here any more. Correct the list.
wrong-user = There is nobody with this address.
wrong-upstream = There is no such upstream. Choose another one.
wrong-model = Use the name that the upstream has for it, of at most 256 bytes.

# How an app signs people in.
app-oauth = Signing people in
app-oauth-link = Addresses, scopes and secret
app-oauth-title = How { $app } signs people in
app-oauth-lead = Where it may send people, what it may ask for, and how long its tokens last. It finds all else from the address below.
app-issuer = Issuer
app-client-id = Client id
app-client-id-hint = The app says by it who it is. It is no secret.
app-redirect_uris = Sent back to after a sign-in
app-redirect_uris-hint = One address on each line, exactly as the app sends it. https, or http on the person’s own machine, where the port is left out.
app-post_logout_redirect_uris = Sent back to after a sign-out
app-post_logout_redirect_uris-hint = One address on each line.
app-origins = Origins of its pages
app-origins-hint = Pages from there may ask for tokens by script: https://app.example.com, one on each line.
app-grants = Grant types
app-grants-hint = { $grants }. Empty: all that its type can use.
app-scopes = Scopes
app-scopes-hint = With blanks between. Empty: all but managing.
app-resources = Resources
app-resources-hint = Addresses that its tokens may be for, one on each line; the first is meant where the app names none. Empty: every one that is known here.
app-access_token_s = Life of an access token, in seconds
app-access_token_s-hint = 1 to 3600. What others verify by our keys alone counts as long.
app-refresh_token_s = Life of what a person allowed, in seconds
app-refresh_token_s-hint = Up to a year, however often it is refreshed.
app-auth_method = How it shows its secret
method-either = By HTTP Basic or in the form
method-client_secret_basic = By HTTP Basic
method-client_secret_post = In the form
app-legacy = Without PKCE
app-legacy-hint = For apps written after older guides, and plugins. They may send JSON too. Leave it off for all others.
app-user_header = Names its people
app-user_header-hint = With its own key it may say by Tollgate-User whom it calls for. Each gets an account of their own here on first sight.
switch-on = On
switch-off = Off
app-secret = The app’s secret
app-secret-title = The secret of { $app }
app-secret-lead = Enter it where the app runs. The one before has ended.
app-secret-saved = I have saved it
app-secret-make = Make secret
app-secret-rotate = Make another secret
wrong-redirect_uris = Enter whole addresses: https, or http on the person’s own machine; without “#”.
wrong-post_logout_redirect_uris = Enter whole addresses: https, or http on the person’s own machine; without “#”.
wrong-origins = Enter origins like https://app.example.com, without a path.
wrong-grants = Enter grant types that are offered, and that an app of its type can use.
wrong-resources = Enter addresses that tokens are made for here.
wrong-legacy = Only a confidential app may come without PKCE.
wrong-user_header = Only a confidential app may name its people.
wrong-access_token_s = Enter 1 to 3600 seconds.
wrong-refresh_token_s = Enter 1 to 31536000 seconds.
