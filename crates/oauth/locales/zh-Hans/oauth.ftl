# Consent: an app wants to act for a person.
consent-title = 允许 { $app }?
consent-lead = 此应用请求在这里代表您操作。只有在这是您自己发起的情况下才允许。
consent-local = 此应用在您自己的电脑上运行。只有在您刚刚启动它的情况下才允许。
consent-app = 应用
consent-account = 您的账户
consent-place = 将返回到
consent-resource = 有效范围
consent-scopes = 允许后,它将可以
consent-allow = 允许
consent-deny = 拒绝
consent-hint = 相同的内容不会再次询问。更改密码会收回已给予应用的许可。
scope-openid = 得知登录的人是您
scope-profile = 查看您的姓名和语言
scope-email = 查看您的电子邮件地址
scope-offline = 在您退出登录后继续运行
scope-models = 用您的账户在限额内调用 AI 模型
scope-manage = 管理您自己能管理的一切
scope-connections = 调用您在这里连接的工具
scope-other = 使用 { $scope }

# Signing in once more.
again-title = 请重新登录
again-lead = { $app } 要求您再次确认身份。
again-button = 登录

# On the way back to the app.
onward-title = 您已登录
onward-button = 继续

# Signing out from an app.
sign-out-title = 退出登录?
sign-out-lead = 一个应用请求让您退出登录。仅在登录期间允许它的操作将结束。
sign-out-button = 退出登录
sign-out-cancel = 保持登录
signed-out-title = 您已退出登录
signed-out-lead = 您可以关闭此页面。
signed-out-button = 登录

# 允许应用做的事
apps-title = 有访问权的应用
apps-lead = 您允许应用在此代您做的事。收回后，它们在一秒内失去访问权。
apps-caption = 应用（按名称）
apps-empty = 用此账号登录的应用会显示在这里。
apps-end = 收回给 { $app } 的许可
column-app = 应用
column-may = 它可以
column-resource = 适用于
column-since = 开始时间
column-end = 结束
