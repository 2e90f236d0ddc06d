# Consent: an app wants to act for a person.
consent-title = Allow { $app }?
consent-lead = This app asks to act for you here. Allow it only if you started this yourself.
consent-local = This app runs on your own machine. Allow it only if you have just started it.
consent-app = App
consent-account = Your account
consent-place = Sends you to
consent-resource = Valid for
consent-scopes = It will be able to
consent-allow = Allow
consent-deny = Deny
consent-hint = You are not asked again for the same things. Changing your password takes back what apps were allowed.
scope-openid = know that it is you who signs in
scope-profile = see your name and language
scope-email = see your e-mail address
scope-offline = go on when you are signed out here
scope-models = call AI models on your account, within your limits
scope-manage = manage everything here that you can manage yourself
scope-connections = call the tools that you connected here
scope-other = use { $scope }

# Signing in once more.
again-title = Please sign in again
again-lead = { $app } asks you to show once more that it is you.
again-button = Sign in

# On the way back to the app.
onward-title = You are signed in
onward-button = Continue

# Signing out from an app.
sign-out-title = Sign out?
sign-out-lead = An app asks to sign you out here. What it was allowed only while you are signed in ends.
sign-out-button = Sign out
sign-out-cancel = Stay signed in
signed-out-title = You are signed out
signed-out-lead = You can close this page.
signed-out-button = Sign in

# What a person allowed apps.
apps-title = Apps with access
apps-lead = What you allowed apps to do for you here. Taking it back ends their access within a second.
apps-caption = Apps by name
apps-empty = Apps that you sign in to with this account will be here.
apps-end = Take back from { $app }
column-app = App
column-may = It can
column-resource = Valid for
column-since = Since
column-end = End
