nav-connections = 连接

# A person's connections.
own-title = 连接
own-lead = 可以连接到您账户的第三方工具。它们的凭据加密保存在这里。
own-empty = 还没有可以连接的工具。工具由所有者安装。
own-connected = 工具已连接。
own-ended = 连接已结束，其凭据已删除。
own-domain = 域名
own-state = 状态
own-url = 调用地址
own-client = 我们在该工具的标识
own-token = 您在此工具的令牌
own-token-hint = 请在 { $tool } 创建。若为 Basic，请输入 user:password 或已编码的形式。
own-header = 每次调用都以如下形式发送：
own-connect = 连接
own-end = 结束连接
own-sign-in = 使用 { $tool } 登录
own-going-title = 使用 { $tool } 登录
own-going-lead = 您将前往 { $tool }，登录后会回到这里。
state-pending = 等待您在该工具登录
state-active = 已连接
state-needs-reauth = 需要您重新登录

# Coming back from a tool.
back-title = 未连接
back-nobody = 您已不在此登录。请登录后重新连接 { $tool }。
back-no-state = { $tool } 在没有 state 参数的情况下将您的浏览器送回。
back-stale = 在 { $tool } 的这次登录不是在此浏览器开始的、已过期，或已被使用。请重新连接。
back-changed = 在此期间 { $tool } 的设置已更改。请重新连接。
back-declined = 您在 { $tool } 选择了拒绝。没有建立连接。
back-failed = { $tool } 没有让您登录。请重新连接，或联系其作者。
back-login = 登录
back-own = 前往您的连接
