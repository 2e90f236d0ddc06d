# The page shell: what surrounds every page.
skip-to-content = Skip to the content
navigation = Main navigation
account = Your account
sign-in = Sign in
sign-out = Sign out
language = Language
theme = Theme
theme-system = As the system
theme-light = Light
theme-dark = Dark

# Parts of pages.
copy = Copy
copied = Copied
same-in-the-terminal = The same in the terminal:
secret-once = This is shown once. Save it now where only you and your software can read it.
secret-saved = I have saved it
form-errors = Some fields need another look
bar-left = { $left } left

# Times.
just-now = just now
any-moment = any moment
ago-minutes = { $n ->
    [one] { $n } minute ago
   *[other] { $n } minutes ago
}
ago-hours = { $n ->
    [one] { $n } hour ago
   *[other] { $n } hours ago
}
ago-days = { $n ->
    [one] { $n } day ago
   *[other] { $n } days ago
}
in-minutes = { $n ->
    [one] in { $n } minute
   *[other] in { $n } minutes
}
in-hours = { $n ->
    [one] in { $n } hour
   *[other] in { $n } hours
}
in-days = { $n ->
    [one] in { $n } day
   *[other] in { $n } days
}

# The error page. The title's English words are a contract: test suites look for them.
error-title = Tollgate cannot continue this request
error-blame-caller = Change the request as said above and try again.
error-blame-upstream = The service behind Tollgate failed, not you. Try again in a moment.
error-blame-us = The fault is on this server, not with you. Try again in a moment; if it stays, give its owner the request id below.
error-code = Error
error-param = Where
error-request-id = Request id
error-home = Go to the start page
