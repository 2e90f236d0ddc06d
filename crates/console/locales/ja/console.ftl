# 管理画面
nav-admin = 管理
tab-overview = 概要
tab-users = ユーザー
tab-groups = グループ
tab-plans = プラン
tab-apps = アプリ
tab-models = モデル
tab-upstreams = 接続先
tab-entries = 呼び出し
tab-usage = 利用状況
tab-settings = 設定
tab-audit = 監査ログ

# 共通
saved = 保存しました。ただちに適用されます。
declared = この項目は設定ファイルで定義されています。ファイルを変更し、サーバーを再起動してください。
next = 次のページ
older = 以前の記録
show = 表示
search = 検索
unlimited = 無制限
id-hint = a-z、0-9、「-」「_」「.」を 1～64 文字。後から変更できません。

# 列見出しと項目名
column-plan = プラン
column-models = モデル
column-rates = レート制限
column-budgets = 予算
column-max-output = 出力の上限（トークン）
column-upstream = 接続先
column-base-url = ベース URL
column-key = キー
column-changed = 更新
column-email = メールアドレス
column-name = 名前
column-role = 役割
column-state = 状態
column-since = 登録
column-groups = グループ
column-id = ID
column-day = 日付（UTC）
column-model = モデル
column-user = ユーザー
column-group = グループ
column-client = アプリ
column-token = アクセストークン
column-calls = 呼び出し
column-input-tokens = 入力（トークン）
column-cached-tokens = うちキャッシュ
column-output-tokens = 出力（トークン）
column-cost = 費用
column-estimated = 推定値の呼び出し
column-when = 日時
column-actor = 実行者
column-action = 操作
column-target = 対象
column-from = 接続元
column-request = リクエスト ID
column-priority = 優先度
column-pool = 共有の予算
column-members = メンバー
column-alias = モデル
column-model-there = 接続先での名前
column-price = 価格
column-price-input = 入力（100 万トークンあたり）
column-price-cached = キャッシュ済み入力（100 万トークンあたり）
column-price-written = キャッシュ書き込み（100 万トークンあたり）
column-price-output = 出力（100 万トークンあたり）
column-type = 種類
column-made = 作成
column-keys = キー
column-time = 日時（UTC）
column-who = 利用者
plan-none = なし
tokens = トークン
money = 費用
money-unpriced = { $money }（ほかに価格未設定の呼び出し { $count } 件）
no-price = 価格未設定

# 概要
overview-lead = 今日（UTC）の状況と、対応が必要な項目です。
overview-empty = 今日の呼び出しはまだありません。アカウントページのキーを使って最初の呼び出しを試せます。
needs-you = 対応が必要です
today = 今日
top-people = 今日の利用が多いユーザー
installation-budgets = 全体の予算
bar-used = { $limit } のうち { $used } を使用
bar-resets = { $at } にリセット
need-upstream = 接続先がありません。呼び出しの送り先を追加してください。
need-plan = プランがありません。プランがないと誰もモデルを呼び出せないため、作成してください。
need-default-plan = 誰でも登録できますが、既定のプランがありません。指定しないと、新しいユーザーは何も呼び出せません。
need-key-refused = { $upstream } がキーを拒否しています。新しいキーを設定してください。
need-quota-spent = { $upstream } のアカウント残高がなくなりました。補充するまで呼び出しは失敗します。
need-secret-leaked = { $upstream } の応答に当方のキーが含まれていたため停止しました。キーを変更してください。
need-failing = { $upstream } で失敗が続いています。直近 1 時間の { $all } 件中 { $failed } 件が失敗しました。
need-reserves = 過去 1 週間に、異常終了時の引当が { $count } 件計上されました。確認してください。

# ユーザー
users-lead = ここにアカウントを持つすべてのユーザーです。
users-caption = ユーザー（登録の古い順）
users-empty = 該当するユーザーがいません。検索条件を変えるか、ユーザーを追加してください。
users-search = メールアドレスの先頭
user-lead = このユーザーの権限と、適用するプランです。
user-save = ユーザーを保存
user-link = リンクを発行
user-disabled = このアカウントは無効です。セッションは終了し、キーは拒否されます。
role-member = メンバー
role-admin = 管理者
role-owner = オーナー
role-hint = メンバーはプランの範囲で利用できます。管理者はオーナー以外のすべてを管理できます。
state-active = 有効
state-disabled = 無効
state-hint = 無効にすると、1 秒以内にすべてのセッションが終了し、キーが使えなくなります。この画面で元に戻せます。
no-own-plan = 個別の指定なし
plan-hint = 個別の指定がない場合は、グループのプラン、既定のプランの順に適用されます。
no-groups = なし

# プラン
plans-lead = 呼び出せるモデルと、その速度と量を決めます。
plans-caption = プラン（名前順）
plans-empty = プランはここに表示されます。プランがないと誰もモデルを呼び出せません。
plan-make = プランを作成
plan-save = プランを保存
plan-lead = 上限は、このプランを持つユーザーごとに数えます。空欄は無制限です。
plan-id = プランの名前
no-models = なし
all-models = すべて
models-hint = 1 行に 1 つ、モデル名、または名前の先頭に * を付けたものを書きます。* だけならすべてです。
max-output = 1 回の出力の上限（トークン）
max-output-hint = 1 回の呼び出しで指定できる最大値です。指定がない呼び出しにも適用されます。
rates-heading = レート制限
requests-per-minute = 1 分あたりの呼び出し
tokens-per-minute = 1 分あたりのトークン
concurrent = 同時の呼び出し
rate-requests = 毎分 { $limit } 回
rate-tokens = 毎分 { $limit } トークン
rate-concurrent = 同時 { $limit } 件
budgets-heading = 予算
budget-money-day = 1 日の費用
budget-money-week = 1 週間の費用
budget-money-month = 1 か月の費用
budget-tokens-day = 1 日のトークン
budget-tokens-week = 1 週間のトークン
budget-tokens-month = 1 か月のトークン
budget-calls-day = 1 日の呼び出し
budget-calls-week = 1 週間の呼び出し
budget-calls-month = 1 か月の呼び出し
budget-line = { $name }：{ $limit }
money-hint = ドルで入力します。例：5、2.50
time-zone = タイムゾーン
time-zone-hint = 予算の日、週、月の区切りに使います。例：Asia/Tokyo

# グループ
groups-lead = 同じプランを使うユーザーの集まりです。予算を共有することもできます。
groups-caption = グループ（名前順）
groups-empty = グループはここに表示されます。多くのユーザーにまとめてプランを適用できます。
group-make = グループを作成
group-save = グループを保存
group-lead = プランは、個別の指定がないメンバーに適用されます。共有の予算はメンバー全員で分け合います。
group-id = グループの短い名前
group-name-hint = 表示される名前です。空欄の場合は短い名前を使います。
group-no-plan = なし：既定のプランを適用
group-plan-hint = 個別のプランがないメンバーに適用されます。
priority-hint = 複数のグループに属するユーザーには、数の大きいグループのプランが適用されます。
members-hint = アカウントを持つユーザーのメールアドレスを 1 行に 1 つ書きます。書かれた人だけがメンバーになります。
members-many = { $count } 人。多いため、コマンドラインまたは API で変更してください。
pool-heading = メンバー全員で共有する予算

# アプリ
apps-lead = 自身のキーとプランでモデルを呼び出すソフトウェアです。
apps-caption = アプリ（登録の古い順）
apps-empty = アプリはここに表示されます。ボット、定期処理、Web サイトなどを登録できます。
app-make = アプリを登録
app-save = アプリを保存
app-lead = 呼び出せる内容はプランで決まります。呼び出しにはアプリ自身のキーを使います。
app-keys = { $app } のキー
app-no-plan = なし：何も呼び出せません
app-owner = 担当者
app-state-hint = 無効にすると、1 秒以内にすべてのキーが使えなくなります。この画面で元に戻せます。
app-disabled = このアプリは無効です。キーは拒否されます。
type-confidential = 機密
type-public = 公開
type-confidential-long = 機密：サーバー上で動作し、秘密を保持できます
type-public-long = 公開：ブラウザーや利用者の端末で動作します

# モデル
models-lead = 呼び出しに使う名前と、その実体、価格です。
models-caption = モデル（名前順）
models-empty = モデルはここに表示されます。モデルがないと何も呼び出せません。
model-make = モデルを追加
model-save = モデルを保存
model-lead = この名前への呼び出しは、接続先のモデルに送られます。予算の空欄は無制限です。
model-needs-upstream = モデルには接続先が必要ですが、まだありません。
alias-hint = 呼び出しに使う名前です。a-z、0-9、「-」「_」「.」を 1～64 文字。後から変更できません。
model-there-hint = 接続先での呼び名です。例：gpt-4o-mini。価格はこの名前で調べます。
model-budgets-heading = すべての呼び出しに対する予算
no-price-means = 価格未設定：トークンと呼び出しは数えますが、費用は数えません。
price-tier = { $class }、入力 { $from } トークン以上
context-tokens = コンテキスト長（トークン）

# 呼び出し
entries-lead = 呼び出しの試行ごとに、費用と結果を表示します。
entries-caption = 呼び出し（新しい順）
entries-none = 呼び出しはここに表示されます。アカウントページのキーを使って最初の呼び出しを試せます。
entries-empty = 該当する呼び出しがありません。条件を変えて表示してください。
entries-user = ユーザー（メールアドレスまたは ID）
entries-key = キー（ID）
entry-all = すべて
entry-open = 実行中
entry-settled = 確定
entry-estimated = 推定
entry-interrupted = 中断
entry-crash_reserve = 異常終了時の引当
entry-failed = 失敗
entry-released = 解放済み
entry-title = 呼び出しの詳細
entry-attempt = 試行 { $n }
entry-budget = 予算
entry-held = 確保した上限
entry-charged = 予算への計上
entry-excess = 超過
entry-excess-means = 接続先の報告が確保量を超えました。予算には確保量を計上しました。
entry-call = 呼び出し ID
budget-of = { $name }（{ $holder }）
whole-installation = 全体
cost-held = { $money } を確保中
in-tokens = { $n ->
   *[other] { $said } トークン
}
in-calls = { $n ->
   *[other] { $said } 回
}
reserve-what = 異常終了のため記録前に失われた可能性のある費用です。接続先の請求と照らし合わせてください。
reserve-released = この引当は解放され、予算に戻りました。
release = 引当を解放
release-lead = 接続先が請求していないことを確認できた場合に、{ $amount } を予算「{ $budget }」に戻します。元に戻すことはできません。

# 利用状況
usage-lead = 全員の利用状況です。日付を指定しない場合は直近 30 日間を表示します。
usage-caption = 利用状況（新しい日付順）
usage-cut = 利用状況（先頭の 500 行。すべての行は CSV に含まれます）
usage-empty = この期間の利用はありません。別の日付を選んでください。
usage-from = 開始日
usage-to = 終了日
usage-by = 集計の単位
usage-by-day = 日付
usage-by-day-model = 日付とモデル
usage-by-day-user = 日付とユーザー
usage-by-model = モデル
usage-by-user = ユーザー
usage-by-key = キー
usage-by-day-model-user = 日付、モデル、ユーザー
usage-csv = CSV をダウンロード

# 接続先
upstreams-lead = 呼び出しの送り先となるモデル提供元です。キーは暗号化して保管し、表示することはありません。
upstreams-caption = 接続先（名前順）
upstreams-empty = 接続先はここに表示されます。OpenAI や、同じ API に対応したサービスを追加できます。
upstream-make = 接続先を追加
upstream-save = 接続先を保存
upstream-test = 接続先をテスト
test-works = 接続できました。キーは有効で、モデルは { $n } 個です。
test-key-refused = 応答はありますが、キーが拒否されました。別のキーを設定して保存してください。
test-unreachable = 応答がありません。ベース URL と、このサーバーから接続できるかを確認してください。
test-unexpected = 応答（ステータス { $status }）はモデルの一覧ではありません。ベース URL を確認してください。
upstream-lead = 呼び出しの送り先と、使用するキーです。
upstream-id = 接続先の名前
base-url-hint = ルートの始まりとなる URL です。例：https://api.openai.com/v1
api-key = API キー
api-key-hint = 接続先で使うキーです。暗号化して保管し、再び表示することはありません。
api-key-keep = キーは設定済みです。変更しない場合は空欄にしてください。ホストを変える場合は再入力が必要です。
header = キーを送るヘッダー
header-hint = 空欄の場合は「Authorization: Bearer」を使います。Azure などでは api-key を指定します。
key-set = 設定済み
key-none = なし
key-refused = 拒否されました
key-dry = 残高なし
key-leaked = 応答内で検出

# 設定
settings-lead = 全体に適用される設定です。
settings-save = 設定を保存
registration = 新規登録
registration-closed = 受け付けない：管理者がユーザーを追加します
registration-open = 受け付ける：誰でも登録できます
registration-hint = 登録ページでアカウントを作成できる人を決めます。
default-plan = 既定のプラン
default-plan-hint = 個別にもグループにもプランの指定がないユーザーに適用されます。
no-plan = なし：何も呼び出せません

# 監査ログ
audit-lead = すべての変更の記録です。各記録は直前の記録とハッシュで結び付いています。
audit-caption = 変更（新しい順）
audit-empty = 該当する変更がありません。条件を変えて表示してください。

# 入力の誤り
wrong-id = この名前は使えません。英小文字または数字で始め、a-z、0-9、「-」「_」「.」を 1～64 文字で入力してください。
wrong-taken = この名前はすでに使われています。別の名前にしてください。
wrong-changed = ほかの人が先に変更しました。ページを読み込み直してから変更してください。
wrong-models = モデルとして読み取れない行があります。* は名前の末尾にだけ使えます。
wrong-number = 1 以上の整数を入力するか、空欄にしてください。
wrong-amount = 100000 のような数を入力するか、空欄にしてください。費用には 2.50 のような小数も使えます。
wrong-time_zone = このタイムゾーンはありません。Asia/Tokyo や UTC のような名前を入力してください。
wrong-max_output_tokens = 1 以上の整数を入力してください。
wrong-base_url = この URL は使えません。https:// で始まり（http:// はこのマシン内のみ）、ユーザー名とクエリを含まない URL を入力してください。
wrong-api_key = キーの形式が正しくないか、ホストの変更により再入力が必要です。キー全体を貼り付けてください。
wrong-header = キーを送れるヘッダーの名前ではありません。
wrong-plan = このプランはありません。別のプランを選んでください。
wrong-default_plan = このプランはありません。別のプランを選んでください。
wrong-right = オーナーに対するこの操作はオーナーだけが行えます。また、制限のあるキーでは管理者にすることも、管理者を有効にすることもできません。権限のある人として行ってください。
wrong-last-owner = 最後のオーナーです。先に別のユーザーをオーナーにしてください。
wrong-name = 名前は改行のない 1～200 文字で入力してください。
wrong-priority = 整数を入力してください。例：10
wrong-member = { $email } のユーザーがいません。修正するか、先にユーザーを追加してください。
wrong-members = このうち 1 人はすでに存在しません。一覧を修正してください。
wrong-user = このアドレスのユーザーはいません。
wrong-upstream = この接続先はありません。別の接続先を選んでください。
wrong-model = 接続先での名前を 256 バイト以内で入力してください。
