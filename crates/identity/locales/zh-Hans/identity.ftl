# 导航
nav-account = 账号
nav-keys = 密钥
nav-usage = 用量
nav-security = 安全

# 通用
sign-in = 登录
cancel = 取消
field-email = 邮箱地址
field-name = 姓名
field-name-hint = 本站对你的称呼，可以留空。
field-password = 密码
field-current-password = 当前密码
field-new-password = 新密码
field-password-hint = 至少 15 个字符。几个连在一起的词就很好，用密码管理器更好。
never = 无
unknown = 未知
next-page = 下一页
no-price = 无价格
make-key = 创建密钥

# 登录、注册、退出
login-title = 登录
login-lead = 管理 AI 模型的密钥、用量和限额。
login-refused = 邮箱地址或密码不正确。请检查后重试。
login-forgotten = 忘记密码？本站的管理员可以给你一个一次性链接。
login-no-account = 还没有账号？
signup-title = 注册
signup-button = 创建账号
signup-closed = 目前不开放注册。请向本站的管理员索取邀请。
signup-have-account = 已有账号？
signup-done = 如果这个邮箱是首次使用，账号已经建好。登录即可使用。
logout-title = 要退出登录吗？
logout-lead = 下次用邮箱地址和密码登录。你的密钥会继续有效。
logout-button = 退出登录

# 一次性链接
link-sign-in-title = 登录
link-sign-in-button = 登录
link-reset-title = 设置新密码
link-reset-button = 设置密码并登录
link-invite-title = 欢迎
link-invite-button = 设置密码并登录
link-lead = 用于账号 { $email }。此链接只能使用一次。
link-over-title = 此链接已失效
link-over = 它已被使用，或已过期。请向本站的管理员索取新的链接。

# 初始设置
setup-title = 初始设置
setup-step-1 = 所有者
setup-step-2 = 模型提供方
setup-step-3 = 首次调用
setup-title-1 = 欢迎。谁是这里的所有者？
setup-lead-1 = 所有者管理一切：用户、套餐和提供方。以后可以添加其他所有者。
setup-title-2 = 模型在哪里？
setup-lead-2 = 任何支持 OpenAI 接口的提供方都可以。它的密钥会加密保存在本服务器上，不会再次显示。
setup-title-3 = 进行首次调用
setup-lead-3 = 向模型提一个简短的问题，与所有调用一样经过认证、限额和计量。你会同时得到自己的密钥。
setup-button-1 = 创建所有者
setup-button-2 = 添加并测试
setup-button-3 = 创建密钥并调用
setup-skip = 跳过
setup-continue = 继续
setup-finish = 前往我的账号
setup-needs-link = 初始设置从一次性链接开始。服务器启动时会显示该链接。
setup-link-over = 此设置链接已失效。服务器重新启动时会显示新的链接。
setup-done-already = 这里已经有所有者了。
setup-owner-made = 你已成为所有者
setup-admin-key-lead = 你已登录。下面的密钥供脚本和命令行使用，拥有与你相同的管理权限。
setup-admin-key = 管理密钥
setup-provider-known = 已有 { $n } 个模型可用。你可以继续，也可以再添加一个提供方。
setup-provider-silent = 提供方没有返回任何模型。请检查地址和密钥，然后重试。
setup-call-failed = 调用失败。{ $why }
setup-call-made = 调用成功
setup-call-made-lead = { $model } 已回答。这次调用已经出现在你的账号页面上。
setup-first-key = 第一个密钥
setup-user-key = 你自己的密钥
field-base-url = 基础 URL
field-base-url-hint = 接口的起始地址，通常以 /v1 结尾。
field-api-key = 你在提供方的密钥
field-api-key-hint = 如果提供方不需要密钥，请留空。

# 账号
account-title = 我的账号
account-lead = 剩余额度、近期调用以及接入方法。
account-left = 剩余额度
account-plan = 你的套餐：
account-no-plan = 你还没有生效的套餐，因此无法调用模型。请联系本站的管理员。
account-no-budgets = 你的套餐没有设置预算。
account-nearly-spent = 已使用 { $n } %：{ $budget }。
account-lately = 最近 24 小时
account-calls = 调用记录（最新在前）
account-no-calls = 最近 24 小时没有调用。创建一个密钥，粘贴到软件中填写 OpenAI 密钥的位置即可。
account-all-usage = 全部用量
account-your-keys = 我的密钥
account-paste = 接入你的软件
account-paste-lead = 支持 OpenAI 接口的软件都可以直接使用，只需设置以下两项。
account-base-url = 基础 URL
account-api-key = API 密钥
account-in-shell = 命令行
account-in-python = Python
budget-tokens-day = 今日词元
budget-tokens-week = 本周词元
budget-tokens-month = 本月词元
budget-money-day = 今日金额
budget-money-week = 本周金额
budget-money-month = 本月金额
budget-calls-day = 今日调用
budget-calls-week = 本周调用
budget-calls-month = 本月调用
budget-of-group = { $budget }（{ $id } 共用）
budget-of-installation = { $budget }（所有人合计）
budget-of-model = { $budget }（{ $id }）
budget-of-key = { $budget }（此密钥）
budget-used = 已使用 { $used }，共 { $limit }
budget-used-held = 已使用 { $used }，预留 { $held }，共 { $limit }
budget-resets = { $when }重新计算（{ $exact }）
amount-tokens = { $n ->
   *[other] { $said } 个词元
}
amount-calls = { $n ->
   *[other] { $said } 次
}

# 列和状态
column-when = 时间
column-model = 模型
column-key = 密钥
column-input = 输入词元
column-output = 输出词元
column-cached = 其中缓存
column-cost = 费用
column-state = 状态
column-tail = 密钥值
column-last-used = 最近使用
column-may = 可用模型
column-day = 日期 (UTC)
column-calls = 调用次数
column-estimated = 估算
column-interrupted = 中断
column-browser = 浏览器
column-network = 来源
column-since = 登录时间
column-last-seen = 最近活动
column-end = 结束
column-what = 操作
by-browser = 此浏览器
state-open = 进行中
state-settled = 已结算
state-estimated = 估算
state-interrupted = 中断
state-crash_reserve = 预留
state-failed = 失败

# 密钥
keys-title = 密钥
keys-lead = 软件凭密钥以你的名义调用模型。每个用途使用单独的密钥，这样可以只停用其中一个。
keys-caption = 我的密钥
keys-none = 还没有密钥。可在下方创建。
app-keys-title = { $app } 的密钥
app-keys-lead = 应用凭密钥按自己的套餐调用模型。
app-keys-none = 此应用还没有密钥。可在下方创建。
app-key-done = 前往应用的密钥
keys-back = 全部密钥
key-name = 名称
key-name-hint = 在哪里使用：某台机器、某个应用。
key-expires = 有效期至
key-expires-hint = 最后一天 (UTC)。留空则不会自动失效。
key-models = 模型
key-models-hint = 模型名称，或以 * 结尾的名称开头：gpt-4o*, small。留空表示套餐内的全部模型。
key-networks = 网络
key-networks-hint = 地址或范围：203.0.113.0/24。留空表示不限制。
key-requests-per-minute = 每分钟调用次数
key-tokens-per-minute = 每分钟词元
key-concurrent = 同时调用数
key-tokens-per-day = 每日词元
key-tokens-per-month = 每月词元
key-money-per-day = 每日金额 ($)
key-money-per-month = 每月金额 ($)
key-limits = 此密钥的限制
key-limits-hint = 在套餐限制之外另行生效；密钥的权限不会超过你本人。留空的项目不限制。
key-all-models = 套餐内全部
key-all-networks = 不限制
key-made-title = { $name } 已创建
key-rotated-title = { $name } 已更换密钥值
key-made-lead = 把它粘贴到软件中填写 OpenAI 密钥的位置。
key-secret = 密钥值
key-done = 前往我的密钥
key-state-active = 有效
key-state-expired = 已到期
key-state-revoked = 已吊销
key-lead = 此密钥的权限和使用情况。
key-like = 创建相同设置的密钥
key-made = 创建时间
key-last-from = 最近使用来源
key-change = 修改
key-save = 保存修改
key-saved = 修改已保存并生效。
key-rotate = 更换密钥
key-rotate-lead = 密钥会得到新的值，名称和限制不变。旧值可以继续有效一段时间，方便你逐步替换。
key-overlap = 旧值
overlap-none = 立即失效
overlap-hour = 再保留一小时
overlap-day = 再保留一天
overlap-week = 再保留一周
key-revoke = 吊销密钥
key-revoke-lead = { $name } 会在一秒内失效，正在进行的调用也会结束。此操作无法撤销，需要时请创建新的密钥。

# 用量
usage-title = 用量
usage-lead = 按日期和模型统计你的调用。日期为 UTC。
usage-from = 开始
usage-to = 结束
usage-all-keys = 全部密钥
usage-show = 查看
usage-chart = 每日词元（按模型）
usage-caption = 按日期和模型
usage-other-models = 其他模型
usage-none = 这段时间没有调用。
usage-csv = 下载 CSV

# 安全
security-title = 安全
security-lead = 你的密码和已登录的浏览器。
security-password = 密码
security-password-lead = 修改密码会结束其他所有登录。你的密钥会继续有效。
security-password-button = 修改密码
security-password-saved = 密码已修改，其他登录均已结束。
security-name-saved = 姓名已修改。
security-sessions = 已登录的浏览器
security-events = 最近的操作
security-you = 个人信息
security-name-button = 修改姓名
security-forgotten = 本站的管理员可以为你生成设置新密码的链接。
event-session-create = 登录
event-session-end = 结束了一个登录
event-key-create = 创建了密钥
event-key-update = 修改了密钥
event-key-rotate = 更换了密钥
event-key-revoke = 吊销了密钥
event-user-change-password = 修改了密码
event-user-change-self = 修改了姓名或语言
event-user-sign-up = 注册
event-user-create = 账号已创建
event-user-update = 管理员修改了账号
event-owner-create = 完成了初始设置
event-link-create-sign-in = 生成了登录链接
event-link-create-reset = 生成了重置密码的链接
event-link-create-invite = 生成了邀请
event-link-use-sign-in = 通过链接登录
event-link-use-reset = 通过链接设置了新密码
event-link-use-invite = 接受了邀请
this-browser = 当前浏览器
end-session = 结束登录

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

# 填写有误
wrong-email = 这不是邮箱地址。请按 ada@example.com 的形式填写。
wrong-password-short = 密码太短。请至少使用 15 个字符，几个连在一起的词也可以。
wrong-password-long = 密码太长。最多 128 个字符。
wrong-password-similar = 密码与邮箱地址太相似。请换用其他词语。
wrong-current-password = 当前密码不正确。请重试。
wrong-name = 姓名最多 100 个字符。
wrong-key-name = 请给密钥取一个 1 到 100 个字符的名称。
wrong-locale = 这不是语言标签。请使用 en、ja 或 zh-Hans 这样的形式。
wrong-external-id = 外部 ID 为 1 到 200 个字符。
wrong-networks = 网络填写有误。请填写 203.0.113.0/24 这样的地址或范围，最多 64 个。
wrong-models = 模型太多。最多 256 个。
wrong-model-name = 请填写模型名称，或以 * 结尾的名称开头。
wrong-number = 请填写大于零的整数，或留空。
wrong-money = 请填写 5 或 0.25 这样的金额，或留空。
wrong-day = 请填写 2026-11-21 这样的日期。
wrong-expiry-past = 这一天已经过去。请选择之后的日期。
wrong-span = 请填写 2026-11-21 这样的日期，开始不晚于结束，最多 400 天。
wrong-base-url = 这不是接口地址。请按 https://api.openai.com/v1 的形式填写。
