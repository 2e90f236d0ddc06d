# ナビゲーション
nav-account = アカウント
nav-keys = API キー
nav-usage = 利用状況
nav-security = セキュリティ

# 共通
sign-in = ログイン
cancel = キャンセル
field-email = メールアドレス
field-name = 名前
field-name-hint = このサイトでの表示名です。空欄でもかまいません。
field-password = パスワード
field-current-password = 現在のパスワード
field-new-password = 新しいパスワード
field-password-hint = 15 文字以上。単語をいくつかつなげると覚えやすくなります。パスワードマネージャーの利用がおすすめです。
never = なし
unknown = 不明
next-page = 次のページ
no-price = 価格未設定
make-key = キーを作成

# ログイン・登録・ログアウト
login-title = ログイン
login-lead = AI モデルのキー、利用状況、上限を管理します。
login-refused = メールアドレスまたはパスワードが正しくありません。両方を確認して、もう一度お試しください。
login-forgotten = パスワードをお忘れの場合は、このサイトの管理者に一度だけ使えるリンクを依頼してください。
login-no-account = アカウントをお持ちでない場合:
signup-title = アカウント登録
signup-button = アカウントを作成
signup-closed = 現在、新規登録は受け付けていません。このサイトの管理者に招待を依頼してください。
signup-have-account = アカウントをお持ちの場合:
signup-done = 初めて使うアドレスであれば、アカウントが作成されました。ログインしてご利用ください。
logout-title = ログアウトしますか？
logout-lead = 次回はメールアドレスとパスワードでログインします。API キーは引き続き使えます。
logout-button = ログアウト

# 一度だけ使えるリンク
link-sign-in-title = ログイン
link-sign-in-button = ログイン
link-reset-title = 新しいパスワードの設定
link-reset-button = パスワードを設定してログイン
link-invite-title = ようこそ
link-invite-button = パスワードを設定してログイン
link-lead = { $email } のアカウント用です。このリンクは一度だけ使えます。
link-over-title = このリンクは使えません
link-over = すでに使用されたか、有効期限が切れています。このサイトの管理者に新しいリンクを依頼してください。

# 初期設定
setup-title = 初期設定
setup-step-1 = 所有者
setup-step-2 = モデルの提供元
setup-step-3 = 最初の呼び出し
setup-title-1 = ようこそ。所有者を登録します
setup-lead-1 = 所有者は、利用者、プラン、提供元のすべてを管理します。あとで所有者を増やすこともできます。
setup-title-2 = モデルの提供元を追加します
setup-lead-2 = OpenAI の API に対応した提供元なら、どこでも使えます。キーは暗号化されてこのサーバー内に保存され、二度と表示されません。
setup-title-3 = 最初の呼び出しを試します
setup-lead-3 = モデルに短い質問を一つ送ります。ほかの呼び出しと同じく、認証、上限の確認、計測を経て届きます。同時にご自身のキーも作成されます。
setup-button-1 = 所有者を登録
setup-button-2 = 追加してテスト
setup-button-3 = キーを作成して呼び出す
setup-skip = あとで
setup-continue = 次へ
setup-finish = アカウントへ
setup-needs-link = 初期設定は、一度だけ使えるリンクから始めます。リンクはサーバーの起動時に表示されます。
setup-link-over = この初期設定リンクは無効です。サーバーを起動し直すと、新しいリンクが表示されます。
setup-done-already = 所有者はすでに登録されています。
setup-owner-made = 所有者として登録しました
setup-admin-key-lead = ログイン済みです。下のキーは、スクリプトやコマンドラインから所有者と同じ権限で管理するためのものです。
setup-admin-key = 管理キー
setup-provider-known = すでに { $n } 個のモデルが使えます。このまま進むことも、提供元を追加することもできます。
setup-provider-silent = 提供元からモデルの一覧を取得できませんでした。アドレスとキーを確認して、もう一度お試しください。
setup-call-failed = 呼び出しに失敗しました。{ $why }
setup-call-made = うまくいきました
setup-call-made-lead = { $model } が応答しました。この呼び出しは、すでにアカウントのページに記録されています。
setup-first-key = 最初のキー
setup-user-key = ご自身のキー
field-base-url = ベース URL
field-base-url-hint = API の起点となるアドレスです。通常は /v1 で終わります。
field-api-key = 提供元の API キー
field-api-key-hint = 不要な提供元の場合は空欄にしてください。

# アカウント
account-title = アカウント
account-lead = 残りの枠、最近の呼び出し、接続方法を確認できます。
account-left = 残りの枠
account-plan = ご利用中のプラン:
account-no-plan = プランが割り当てられていないため、モデルを呼び出せません。このサイトの管理者にご相談ください。
account-no-budgets = このプランに予算の上限はありません。
account-nearly-spent = { $n } % を使用しました: { $budget }
account-lately = 過去 24 時間
account-calls = 呼び出し（新しい順）
account-no-calls = 過去 24 時間の呼び出しはありません。キーを作成し、お使いのソフトウェアの OpenAI キー欄に貼り付けてください。
account-all-usage = すべての利用状況
account-your-keys = キーの一覧
account-paste = ソフトウェアの接続
account-paste-lead = OpenAI の API に対応したソフトウェアがそのまま使えます。設定するのは次の二つだけです。
account-base-url = ベース URL
account-api-key = API キー
account-in-shell = シェル
account-in-python = Python
budget-tokens-day = 今日のトークン
budget-tokens-week = 今週のトークン
budget-tokens-month = 今月のトークン
budget-money-day = 今日の金額
budget-money-week = 今週の金額
budget-money-month = 今月の金額
budget-calls-day = 今日の呼び出し
budget-calls-week = 今週の呼び出し
budget-calls-month = 今月の呼び出し
budget-of-group = { $budget }（{ $id } で共有）
budget-of-installation = { $budget }（全員の合計）
budget-of-model = { $budget }（{ $id }）
budget-of-key = { $budget }（このキー）
budget-used = { $limit } のうち { $used } を使用
budget-used-held = { $limit } のうち { $used } を使用、{ $held } を確保中
budget-resets = { $when }にリセット（{ $exact }）
amount-tokens = { $n ->
   *[other] { $said } トークン
}
amount-calls = { $n ->
   *[other] { $said } 回
}

# 列と状態
column-when = 日時
column-model = モデル
column-key = キー
column-input = 入力トークン
column-output = 出力トークン
column-cached = うちキャッシュ
column-cost = 料金
column-state = 状態
column-tail = シークレット
column-last-used = 最終利用
column-may = 使えるモデル
column-day = 日付 (UTC)
column-calls = 呼び出し
column-estimated = 推定
column-interrupted = 中断
column-browser = ブラウザー
column-network = 接続元
column-since = ログイン
column-last-seen = 最終アクセス
column-end = 終了
column-what = 操作
by-browser = このブラウザー
state-open = 実行中
state-settled = 確定
state-estimated = 推定
state-interrupted = 中断
state-crash_reserve = 予備
state-failed = 失敗

# キー
keys-title = API キー
keys-lead = キーを使うと、ソフトウェアがあなたの代わりにモデルを呼び出せます。用途ごとに分けておくと、一つだけ止めることができます。
keys-caption = キーの一覧
keys-none = キーはまだありません。下のフォームから作成できます。
app-keys-title = { $app } のキー
app-keys-lead = アプリはキーを使い、自身のプランでモデルを呼び出します。
app-keys-none = このアプリのキーはまだありません。下のフォームから作成できます。
app-key-done = アプリのキーの一覧へ
keys-back = キーの一覧へ
key-name = 名前
key-name-hint = 使う場所がわかる名前にします。例: ノート PC、アプリ名
key-expires = 期限
key-expires-hint = 使える最後の日 (UTC)。空欄なら期限はありません。
key-models = モデル
key-models-hint = モデル名、または末尾に * を付けた名前の先頭部分。例: gpt-4o*, small。空欄の場合はプランのすべてのモデルです。
key-networks = ネットワーク
key-networks-hint = アドレスまたは範囲。例: 203.0.113.0/24。空欄の場合は制限しません。
key-requests-per-minute = 1 分あたりの呼び出し
key-tokens-per-minute = 1 分あたりのトークン
key-concurrent = 同時の呼び出し
key-tokens-per-day = 1 日あたりのトークン
key-tokens-per-month = 1 か月あたりのトークン
key-money-per-day = 1 日あたりの金額 ($)
key-money-per-month = 1 か月あたりの金額 ($)
key-limits = このキーの制限
key-limits-hint = プランの制限に加えて適用されます。キーの権限がご自身の権限を超えることはありません。空欄の項目は制限しません。
key-all-models = プランのすべて
key-all-networks = 制限なし
key-made-title = { $name } を作成しました
key-rotated-title = { $name } のシークレットを更新しました
key-made-lead = お使いのソフトウェアの OpenAI キー欄に貼り付けてください。
key-secret = シークレット
key-done = キーの一覧へ
key-state-active = 有効
key-state-expired = 期限切れ
key-state-revoked = 失効
key-lead = このキーでできることと、使われた場所です。
key-like = 同じ設定で作成
key-made = 作成
key-last-from = 最終利用元
key-change = 変更
key-save = 変更を保存
key-saved = 変更を保存し、適用しました。
key-rotate = キーを更新
key-rotate-lead = 名前と制限はそのままで、シークレットだけを新しくします。置き換えが済むまで、古いシークレットもしばらく使えるようにできます。
key-overlap = 古いシークレット
overlap-none = すぐに無効にする
overlap-hour = あと 1 時間使える
overlap-day = あと 1 日使える
overlap-week = あと 1 週間使える
key-revoke = キーを失効
key-revoke-lead = { $name } は 1 秒以内に使えなくなり、実行中の呼び出しも終了します。元には戻せません。必要な場合は新しいキーを作成してください。

# 利用状況
usage-title = 利用状況
usage-lead = 日付とモデルごとの集計です。日付は UTC です。
usage-from = 開始日
usage-to = 終了日
usage-all-keys = すべてのキー
usage-show = 表示
usage-chart = 1 日あたりのトークン（モデル別）
usage-caption = 日付とモデル別
usage-other-models = その他のモデル
usage-none = この期間の呼び出しはありません。
usage-csv = CSV をダウンロード

# セキュリティ
security-title = セキュリティ
security-lead = パスワードと、ログイン中のブラウザーを管理します。
security-password = パスワード
security-password-lead = パスワードを変更すると、ほかのログインはすべて終了します。API キーは引き続き使えます。
security-password-button = パスワードを変更
security-password-saved = パスワードを変更し、ほかのログインをすべて終了しました。
security-name-saved = 名前を変更しました。
security-sessions = ログイン中のブラウザー
security-events = 最近の操作
security-you = ご本人
security-name-button = 名前を変更
security-forgotten = このサイトの管理者は、新しいパスワードを設定するためのリンクを発行できます。
event-session-create = ログイン
event-session-end = ログインを終了
event-key-create = キーを作成
event-key-update = キーを変更
event-key-rotate = キーを更新
event-key-revoke = キーを失効
event-user-change-password = パスワードを変更
event-user-change-self = 名前または言語を変更
event-user-sign-up = アカウント登録
event-user-create = アカウントが作成されました
event-user-update = 管理者がアカウントを変更しました
event-owner-create = 初期設定を実行
event-link-create-sign-in = ログイン用リンクが発行されました
event-link-create-reset = パスワード再設定用リンクが発行されました
event-link-create-invite = 招待が発行されました
event-link-use-sign-in = リンクからログイン
event-link-use-reset = リンクからパスワードを再設定
event-link-use-invite = 招待を受諾
this-browser = このブラウザー
end-session = 終了する

# 時間
just-now = たった今
any-moment = まもなく
ago-minutes = { $n ->
   *[other] { $n } 分前
}
ago-hours = { $n ->
   *[other] { $n } 時間前
}
ago-days = { $n ->
   *[other] { $n } 日前
}
in-minutes = { $n ->
   *[other] { $n } 分後
}
in-hours = { $n ->
   *[other] { $n } 時間後
}
in-days = { $n ->
   *[other] { $n } 日後
}

# 入力の誤り
wrong-email = メールアドレスの形式ではありません。ada@example.com のように入力してください。
wrong-password-short = パスワードが短すぎます。15 文字以上にしてください。単語をいくつかつなげる方法もあります。
wrong-password-long = パスワードが長すぎます。128 文字以内にしてください。
wrong-password-similar = パスワードがメールアドレスに似ています。別の言葉を使ってください。
wrong-current-password = 現在のパスワードが正しくありません。もう一度入力してください。
wrong-name = 名前は 100 文字以内にしてください。
wrong-key-name = キーの名前を 1〜100 文字で入力してください。
wrong-locale = 言語タグの形式ではありません。en、ja、zh-Hans のように入力してください。
wrong-external-id = 外部 ID は 1〜200 文字です。
wrong-networks = ネットワークの形式ではありません。203.0.113.0/24 のようなアドレスまたは範囲を、64 個以内で入力してください。
wrong-models = モデルが多すぎます。256 個以内にしてください。
wrong-model-name = モデル名、または末尾に * を付けた名前の先頭部分を入力してください。
wrong-number = 1 以上の整数を入力するか、空欄にしてください。
wrong-money = 5 や 0.25 のような金額を入力するか、空欄にしてください。
wrong-day = 2026-11-21 のような日付を入力してください。
wrong-expiry-past = この日は過ぎています。今日以降の日を選んでください。
wrong-span = 2026-11-21 のような日付で、開始日を終了日より前にし、400 日以内で選んでください。
wrong-base-url = API のアドレスではありません。https://api.openai.com/v1 のように入力してください。
