nav-connections = Connections

# A person's connections.
own-title = Connections
own-lead = Tools of others that you can connect to your account. Your credentials for them stay here, sealed.
own-empty = There are no tools to connect yet. The owner installs them.
own-connected = The tool is connected.
own-ended = The connection is ended, and its credential is gone.
own-domain = Domain
own-state = State
own-url = Calls go to
own-client = The tool knows us as
own-token = Your token at this tool
own-token-hint = Make one at { $tool }. For Basic, enter user:password or what is ready made of it.
own-header = It is sent with each call as
own-connect = Connect
own-end = End connection
own-sign-in = Sign in with { $tool }
own-going-title = Sign in with { $tool }
own-going-lead = You go on to { $tool }, and come back here when you have signed in.
state-pending = Waits for you to sign in there
state-active = Connected
state-needs-reauth = Needs you to sign in again

# Coming back from a tool.
back-title = Not connected
back-nobody = You are not signed in here any more. Sign in, then connect { $tool } again.
back-no-state = { $tool } sent your browser back without the parameter state.
back-stale = This sign-in at { $tool } was not begun in this browser, is too old, or was used already. Connect it again.
back-changed = { $tool } was changed here meanwhile. Connect it again.
back-declined = You said no at { $tool }. Nothing is connected.
back-failed = { $tool } did not let you in. Connect it again, or ask its maker.
back-login = Sign in
back-own = Go to your connections
