# Navigation.
nav-account = Account
nav-keys = Keys
nav-usage = Usage
nav-security = Security

# Fields and words that several pages share.
sign-in = Sign in
cancel = Cancel
field-email = E-mail address
field-name = Name
field-name-hint = What this site calls you. You can leave it empty.
field-password = Password
field-current-password = Current password
field-new-password = New password
field-password-hint = At least 15 characters. A few words in a row are good; a password manager is better.
never = never
unknown = unknown
next-page = Next page
no-price = no price
make-key = Make key

# Sign-in, sign-up, sign-out.
login-title = Sign in
login-lead = Keys, usage and limits for AI models.
login-refused = The e-mail address and the password do not belong together. Check both and try again.
login-forgotten = Forgotten your password? The owner of this site can send you a one-time link.
login-no-account = No account yet?
signup-title = Sign up
signup-button = Make account
signup-closed = Nobody can sign up here at the moment. Ask the owner of this site for an invitation.
signup-have-account = Have an account?
signup-done = If this address was new here, your account is ready. Sign in to use it.
logout-title = Sign out?
logout-lead = You sign in again with your e-mail address and password. Your keys go on working.
logout-button = Sign out

# One-time links.
link-sign-in-title = Sign in
link-sign-in-button = Sign in
link-reset-title = Set a new password
link-reset-button = Set password and sign in
link-invite-title = Welcome
link-invite-button = Set password and sign in
link-lead = For the account { $email }. This link works once.
link-over-title = This link has ended
link-over = It was used already, or its time is over. Ask the owner of this site for a new one.

# Set-up.
setup-title = Set up
setup-step-1 = Owner
setup-step-2 = Model provider
setup-step-3 = First call
setup-title-1 = Welcome. Who owns this installation?
setup-lead-1 = The owner manages everything: people, plans, providers. Others can become owners later.
setup-title-2 = Where are the models?
setup-lead-2 = Any provider that speaks OpenAI’s API. Its key is encrypted, stays on this server, and is never shown again.
setup-title-3 = Make the first call
setup-lead-3 = One short question to a model, through the gate like every call: authenticated, limited, metered. You get a key of your own with it.
setup-button-1 = Make owner
setup-button-2 = Add and test
setup-button-3 = Make key and call
setup-skip = Skip
setup-continue = Continue
setup-finish = Go to my account
setup-needs-link = Set-up starts with a one-time link. The server prints it when it starts.
setup-link-over = This set-up link is not valid any more. The server prints a new one when it starts.
setup-done-already = This installation has an owner.
setup-owner-made = You are the owner
setup-admin-key-lead = You are signed in. For scripts and the command line there is this key; it manages everything, as you do.
setup-admin-key = Admin key
setup-provider-known = { $n ->
    [one] One model is available already. You can go on, or add another provider.
   *[other] { $n } models are available already. You can go on, or add another provider.
}
setup-provider-silent = The provider listed no models. Check the address and the key, then try again.
setup-call-failed = The call did not work. { $why }
setup-call-made = It works
setup-call-made-lead = { $model } answered. The call is on your account page already.
setup-first-key = First key
setup-user-key = Your own key
field-base-url = Base URL
field-base-url-hint = Where its routes start, usually ending in /v1.
field-api-key = Your key there
field-api-key-hint = Leave it empty if the provider needs none.

# The account page.
account-title = Your account
account-lead = What is left, what was called, and how to connect.
account-left = What is left
account-plan = Your plan:
account-no-plan = No plan is in effect for you, so you cannot call models yet. Ask the owner of this site for one.
account-no-budgets = Your plan sets no budgets.
account-nearly-spent = { $n } % is used: { $budget }.
account-lately = The last 24 hours
account-calls = Calls, newest first
account-no-calls = No calls in the last 24 hours. Make a key and paste it where your software asks for an OpenAI key.
account-all-usage = All usage
account-your-keys = Your keys
account-paste = Connect your software
account-paste-lead = Everything that works with OpenAI’s API works here: set these two, and nothing else.
account-base-url = Base URL
account-api-key = API key
account-in-shell = In the shell
account-in-python = In Python
budget-tokens-day = Tokens today
budget-tokens-week = Tokens this week
budget-tokens-month = Tokens this month
budget-money-day = Money today
budget-money-week = Money this week
budget-money-month = Money this month
budget-calls-day = Calls today
budget-calls-week = Calls this week
budget-calls-month = Calls this month
budget-of-group = { $budget }, shared in { $id }
budget-of-installation = { $budget }, everybody together
budget-of-model = { $budget }, for { $id }
budget-of-key = { $budget }, for this key
budget-used = { $used } of { $limit } used
budget-used-held = { $used } of { $limit } used, { $held } held
budget-resets = Starts again { $when } ({ $exact })
amount-tokens = { $n ->
    [one] { $said } token
   *[other] { $said } tokens
}
amount-calls = { $n ->
    [one] { $said } call
   *[other] { $said } calls
}

# Columns and states.
column-when = When
column-model = Model
column-key = Key
column-input = Tokens in
column-output = Tokens out
column-cached = Of these cached
column-cost = Cost
column-state = State
column-tail = Secret
column-last-used = Last used
column-may = May call
column-day = Day (UTC)
column-calls = Calls
column-estimated = Estimated
column-interrupted = Interrupted
column-browser = Browser
column-network = From
column-since = Signed in
column-last-seen = Last seen
column-end = End
column-what = What
by-browser = this browser
state-open = running
state-settled = settled
state-estimated = estimated
state-interrupted = interrupted
state-crash_reserve = reserve
state-failed = failed

# Keys.
keys-title = Keys
keys-lead = A key lets software call models in your name. Give each its own, so that you can end one alone.
keys-caption = Your keys
keys-none = You have no keys yet. Make one below.
app-keys-title = Keys of { $app }
app-keys-lead = With a key the app calls models for itself, by its own plan.
app-keys-none = This app has no keys yet. Make one below.
app-key-done = Go to the keys of the app
keys-back = All keys
key-name = Name
key-name-hint = Where it is used: a machine, an app.
key-expires = Valid until
key-expires-hint = The last day, in UTC. Empty: it does not end by itself.
key-models = Models
key-models-hint = Names, or beginnings with a * after them: gpt-4o*, small. Empty is all of your plan.
key-networks = Networks
key-networks-hint = Addresses or ranges: 203.0.113.0/24. Empty is everywhere.
key-requests-per-minute = Calls per minute
key-tokens-per-minute = Tokens per minute
key-concurrent = Calls at the same time
key-tokens-per-day = Tokens per day
key-tokens-per-month = Tokens per month
key-money-per-day = Money per day ($)
key-money-per-month = Money per month ($)
key-limits = Limits of this key
key-limits-hint = They count on top of your plan; a key never may more than you. What is empty is not limited.
key-all-models = all of the plan
key-all-networks = everywhere
key-made-title = { $name } is ready
key-rotated-title = { $name } has a new secret
key-made-lead = Paste it where your software asks for an OpenAI key.
key-secret = Secret
key-done = Go to my keys
key-state-active = active
key-state-expired = ended
key-state-revoked = revoked
key-lead = What this key may do, and where it was used.
key-like = Make one like this
key-made = Made
key-last-from = Last used from
key-change = Change
key-save = Save changes
key-saved = The changes are saved and in effect.
key-rotate = Rotate key
key-rotate-lead = The key gets a new secret and keeps its name and limits. The old secret can work on for a while, so that nothing breaks while you replace it.
key-overlap = The old secret works
overlap-none = no longer
overlap-hour = for one more hour
overlap-day = for one more day
overlap-week = for one more week
key-revoke = Revoke key
key-revoke-lead = { $name } stops working within a second, running calls included. There is no undo: make a new key instead.

# Usage.
usage-title = Usage
usage-lead = What your calls came to, by day and model. Days are in UTC.
usage-from = From
usage-to = To
usage-all-keys = All keys
usage-show = Show
usage-chart = Tokens a day, by model
usage-caption = By day and model
usage-other-models = Other models
usage-none = No calls in these days.
usage-csv = Download as CSV

# Security.
security-title = Security
security-lead = Your password, and where you are signed in.
security-password = Password
security-password-lead = A new password ends all other sessions. Your keys go on working.
security-password-button = Change password
security-password-saved = Your password is changed, and all other sessions have ended.
security-name-saved = Your name is changed.
security-sessions = Where you are signed in
security-events = What happened lately
security-you = You
security-name-button = Change name
security-forgotten = Whoever manages this site can make a link for you to set a new password.
event-session-create = Signed in
event-session-end = Ended a session
event-key-create = Made a key
event-key-update = Changed a key
event-key-rotate = Rotated a key
event-key-revoke = Revoked a key
event-user-change-password = Changed the password
event-user-change-self = Changed name or language
event-user-sign-up = Signed up
event-user-create = The account was made
event-user-update = The account was changed by whoever manages this site
event-owner-create = Set up this installation
event-link-create-sign-in = A sign-in link was made
event-link-create-reset = A link to reset the password was made
event-link-create-invite = An invitation was made
event-link-use-sign-in = Signed in by a link
event-link-use-reset = Set a new password by a link
event-link-use-invite = Took up the invitation
this-browser = this one
end-session = End session

# What is wrong with a field, and what to do.
wrong-email = This is not an e-mail address. Write one like ada@example.com.
wrong-password-short = The password is too short. Use at least 15 characters; a few words in a row do.
wrong-password-long = The password is too long. Use at most 128 characters.
wrong-password-similar = The password is too similar to your e-mail address or name. Use other words.
wrong-current-password = This is not your current password. Try again.
wrong-name = A name has at most 100 characters. Shorten it.
wrong-key-name = Give the key a name of 1 to 100 characters.
wrong-locale = This is not a language tag. Use one like en, ja or zh-Hans.
wrong-external-id = An external id has 1 to 200 characters.
wrong-networks = This is not a list of networks. Write addresses or ranges like 203.0.113.0/24; at most 64 of them.
wrong-models = These are too many models. Name at most 256.
wrong-model-name = A model is a name, or the beginning of one with a * after it.
wrong-number = Write a whole number above zero, or leave it empty.
wrong-money = Write an amount like 5 or 0.25, or leave it empty.
wrong-day = Write a day like 2026-11-21.
wrong-expiry-past = This day is over. Choose one to come.
wrong-span = Choose days like 2026-11-21, the first before the last, at most 400 of them.
wrong-base-url = This is not the address of an API. Write one like https://api.openai.com/v1.

# Links that the owner makes for somebody.
user-link-title = A link for { $email }
user-link-lead = Until this site sends mail itself, a link that works once lets somebody in. A new one ends the older ones of the same person.
user-link-purpose = What is it for?
user-link-reset = Set a new password
user-link-reset-hint = For who has forgotten it. The link works for an hour; once the password is set, all other sessions end.
user-link-sign-in = Sign in once
user-link-sign-in-hint = The password stays as it is. The link works for an hour.
user-link-invite = Come in for the first time
user-link-invite-hint = For who has no password yet. The link works for a week.
user-link-make = Make link
user-link-made-title = The link for { $email }
user-link-made-lead = Send it where only this person can read it: whoever opens it comes in as them.
user-link-url = Link
user-link-until = It works until
user-link-done = Back to the person
user-link-refused = Only an owner can make a link for an owner.
user-link-disabled = The account is disabled, so no link would work. Make it active first.

# How hard a password is to guess: while it is typed, and when it is refused.
strength-label = How hard the password is to guess
strength-0 = It is guessed at once.
strength-1 = It is guessed quickly.
strength-2 = It is not hard enough to guess.
strength-3 = This one will do: it is hard to guess.
strength-4 = This one is good: it is very hard to guess.
wrong-password-breached = This password is on lists of stolen passwords, which are tried first. Use another one.
wrong-password-weak = This password is too easy to guess.
weak-row-of-keys = Keys that stand in a row are guessed early.
weak-keyboard-pattern = Short patterns on the keyboard are guessed early.
weak-repeated-character = One character again and again is guessed early.
weak-repeated-part = One part again and again is hardly harder to guess than the part.
weak-top-ten = It is one of the ten commonest passwords.
weak-top-hundred = It is one of the hundred commonest passwords.
weak-common = It is a common password.
weak-like-common = It is much like a common password.
weak-sequence = Sequences like abc or 6543 are guessed early.
weak-year = Recent years are guessed early.
weak-one-word = One word by itself is guessed early.
weak-date = Dates are guessed early.
weak-name = Names by themselves are guessed early.
weak-common-name = Common names are guessed early.
better-few-words = Use a few words that do not belong together.
better-no-signs-needed = You need no digits, signs or capital letters.
better-more-words = Add a word or two, rare ones if you can.
better-not-by-capital = A capital letter at the start hardly helps.
better-not-by-capitals = All letters as capitals hardly help.
better-not-reversed = Words spelled backwards hardly help.
better-not-by-substitution = Replacing letters, such as a by @, hardly helps.
better-longer-pattern = Make patterns on the keyboard longer, with more turns.
better-no-repeats = Repeat no words and no characters.
better-no-sequences = Leave out sequences.
better-no-years = Leave out recent years.
better-no-own-years = Leave out years that have to do with you.
better-no-own-dates = Leave out dates and years that have to do with you.
