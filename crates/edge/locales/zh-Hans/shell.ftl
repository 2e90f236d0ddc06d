# 页面外框
skip-to-content = 跳到正文
navigation = 主导航
account = 我的账号
sign-in = 登录
sign-out = 退出登录
language = 语言
theme = 主题
theme-system = 跟随系统
theme-light = 浅色
theme-dark = 深色

# 页面部件
copy = 复制
copied = 已复制
same-in-the-terminal = 在终端中执行同样的操作：
secret-once = 此内容仅显示一次。请立即保存到只有你和你的软件能读取的地方。
secret-saved = 我已保存
form-errors = 有些内容需要修改
bar-left = 剩余 { $left }

# 时间
just-now = 刚刚
any-moment = 即将
ago-minutes = { $n ->
   *[other] { $n } 分钟前
}
ago-hours = { $n ->
   *[other] { $n } 小时前
}
ago-days = { $n ->
   *[other] { $n } 天前
}
in-minutes = { $n ->
   *[other] { $n } 分钟后
}
in-hours = { $n ->
   *[other] { $n } 小时后
}
in-days = { $n ->
   *[other] { $n } 天后
}

# 错误页面
error-title = 无法继续处理此请求
error-blame-caller = 请按上面的说明修改请求，然后重试。
error-blame-upstream = 问题出在后端服务，与你的操作无关。请稍后重试。
error-blame-us = 问题出在本服务器，与你的操作无关。请稍后重试；如果问题仍然存在，请把下面的请求 ID 告诉管理员。
error-code = 错误
error-param = 位置
error-request-id = 请求 ID
error-home = 返回首页
