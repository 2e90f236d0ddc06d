# Consent: an app wants to act for a person.
consent-title = { $app } を許可しますか?
consent-lead = このアプリは、ここであなたの代わりに操作する許可を求めています。ご自身で始めた操作の場合だけ許可してください。
consent-local = このアプリはお使いのパソコンで動いています。たった今ご自身で起動した場合だけ許可してください。
consent-app = アプリ
consent-account = あなたのアカウント
consent-place = 戻り先
consent-resource = 有効な範囲
consent-scopes = 許可すると、次のことができるようになります
consent-allow = 許可する
consent-deny = 許可しない
consent-hint = 同じ内容についてもう一度お尋ねすることはありません。パスワードを変更すると、アプリに与えた許可は取り消されます。
scope-openid = サインインしたのがあなたであることを知る
scope-profile = あなたの名前と言語を見る
scope-email = あなたのメールアドレスを見る
scope-offline = ここからサインアウトした後も続けて動く
scope-models = あなたのアカウントで、上限の範囲内で AI モデルを呼び出す
scope-manage = あなたが管理できるものをすべて管理する
scope-connections = あなたがここで接続したツールを呼び出す
scope-other = { $scope } を使う

# Signing in once more.
again-title = もう一度サインインしてください
again-lead = { $app } が、ご本人であることの再確認を求めています。
again-button = サインイン

# On the way back to the app.
onward-title = サインインしました
onward-button = 続ける

# Signing out from an app.
sign-out-title = サインアウトしますか?
sign-out-lead = アプリがサインアウトを求めています。サインイン中だけ許可された操作は終了します。
sign-out-button = サインアウト
sign-out-cancel = サインインしたままにする
signed-out-title = サインアウトしました
signed-out-lead = このページを閉じてかまいません。
signed-out-button = サインイン

# アプリに許可した内容
apps-title = アクセスできるアプリ
apps-lead = あなたがアプリに許可した内容です。取り消すと、1 秒以内にアクセスできなくなります。
apps-caption = アプリ（名前順）
apps-empty = このアカウントでサインインしたアプリがここに表示されます。
apps-end = { $app } への許可を取り消す
column-app = アプリ
column-may = できること
column-resource = 対象
column-since = 開始
column-end = 終了
