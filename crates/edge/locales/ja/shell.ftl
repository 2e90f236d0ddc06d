# ページの外枠
skip-to-content = 本文へ移動
navigation = メインナビゲーション
account = アカウント
sign-in = ログイン
sign-out = ログアウト
language = 言語
theme = 表示テーマ
theme-system = システムに合わせる
theme-light = ライト
theme-dark = ダーク

# ページの部品
copy = コピー
copied = コピーしました
same-in-the-terminal = ターミナルで同じ操作をするには:
secret-once = この値が表示されるのは一度だけです。ご本人とお使いのソフトウェアだけが読める場所に、今すぐ保存してください。
secret-saved = 保存しました
form-errors = 入力内容をご確認ください
bar-left = 残り { $left }

# 時刻
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

# エラーページ
error-title = このリクエストを続行できません
error-blame-caller = 上記の内容に沿ってリクエストを直し、もう一度お試しください。
error-blame-upstream = お客様の操作ではなく、接続先のサービスで問題が発生しました。しばらくしてからもう一度お試しください。
error-blame-us = お客様の操作ではなく、このサーバーで問題が発生しました。しばらくしてからもう一度お試しください。解消しない場合は、下のリクエスト ID を管理者にお伝えください。
error-code = エラー
error-param = 該当箇所
error-request-id = リクエスト ID
error-home = トップページへ
