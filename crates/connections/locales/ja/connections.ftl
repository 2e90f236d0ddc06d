nav-connections = 接続

# A person's connections.
own-title = 接続
own-lead = アカウントに接続できる他者のツールです。ツールの認証情報は封印され、このサーバーに保管されます。
own-empty = 接続できるツールはまだありません。所有者がインストールします。
own-connected = ツールを接続しました。
own-ended = 接続を終了し、認証情報を削除しました。
own-domain = ドメイン
own-state = 状態
own-url = 呼び出し先
own-client = ツールでの当サーバーの ID
own-token = このツールでのあなたのトークン
own-token-hint = { $tool } で作成してください。Basic の場合は user:password か、それを変換済みのものを入力します。
own-header = 呼び出しごとに次の形で送られます:
own-connect = 接続する
own-end = 接続を終了する
own-sign-in = { $tool } でサインイン
own-going-title = { $tool } でサインイン
own-going-lead = { $tool } に移動します。サインインが済むとここに戻ります。
state-pending = ツールでのサインイン待ち
state-active = 接続済み
state-needs-reauth = もう一度サインインが必要です

# Coming back from a tool.
back-title = 接続されていません
back-nobody = ここでのサインインは終了しています。サインインしてから { $tool } をもう一度接続してください。
back-no-state = { $tool } は state パラメーターなしでブラウザーを戻しました。
back-stale = { $tool } でのこのサインインは、このブラウザーで始めたものではないか、古すぎるか、使用済みです。もう一度接続してください。
back-changed = その間に { $tool } の設定が変わりました。もう一度接続してください。
back-declined = { $tool } で拒否したため、何も接続されていません。
back-failed = { $tool } にサインインできませんでした。もう一度接続するか、ツールの作成者に問い合わせてください。
back-login = サインイン
back-own = 接続の一覧へ
