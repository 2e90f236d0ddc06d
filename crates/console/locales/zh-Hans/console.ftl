# 管理控制台
nav-admin = 管理
tab-overview = 概览
tab-users = 用户
tab-groups = 用户组
tab-plans = 套餐
tab-apps = 应用
tab-models = 模型
tab-upstreams = 上游
tab-entries = 调用
tab-usage = 用量
tab-settings = 设置
tab-audit = 审计

# 通用
saved = 已保存，立即生效。
declared = 此对象由配置文件声明。请在文件中修改，然后重启服务器。
next = 下一页
older = 更早的记录
show = 显示
search = 搜索
unlimited = 不限
id-hint = 1 到 64 个字符，可用 a-z、0-9、“-”、“_”和“.”，之后不能更改。

# 列名和术语
column-plan = 套餐
column-models = 模型
column-rates = 速率
column-budgets = 预算
column-max-output = 输出上限（token）
column-upstream = 上游
column-base-url = 基础 URL
column-key = 密钥
column-changed = 更新时间
column-email = 电子邮箱
column-name = 姓名
column-role = 角色
column-state = 状态
column-since = 注册时间
column-groups = 用户组
column-id = ID
column-day = 日期（UTC）
column-model = 模型
column-user = 用户
column-group = 用户组
column-client = 应用
column-token = 访问令牌
column-calls = 调用次数
column-input-tokens = 输入（token）
column-cached-tokens = 其中缓存
column-output-tokens = 输出（token）
column-cost = 费用
column-estimated = 估算的调用
column-when = 时间
column-actor = 操作者
column-action = 操作
column-target = 对象
column-from = 来源
column-request = 请求 ID
column-priority = 优先级
column-pool = 共享预算
column-members = 成员
column-alias = 模型
column-model-there = 在上游的名称
column-price = 价格
column-price-input = 输入（每百万 token）
column-price-cached = 缓存输入（每百万 token）
column-price-written = 写入缓存（每百万 token）
column-price-output = 输出（每百万 token）
column-type = 类型
column-made = 创建时间
column-keys = 密钥
column-time = 时间（UTC）
column-who = 调用者
plan-none = 无
tokens = Token
money = 费用
money-unpriced = { $money }，另有 { $count } 次调用没有价格
no-price = 无价格

# 概览
overview-lead = 今天（UTC）的情况，以及需要你处理的事项。
overview-empty = 今天还没有调用。可以用账号页面上的密钥发起第一次调用：
needs-you = 需要你处理
today = 今天
top-people = 今天用量最多的用户
installation-budgets = 整体预算
bar-used = 已用 { $used }，共 { $limit }
bar-resets = { $at } 重新计算
need-upstream = 还没有上游。请添加一个，调用才有去处。
need-plan = 还没有套餐。请创建一个，没有套餐时任何人都不能调用模型。
need-default-plan = 任何人都可以注册，但没有默认套餐。请指定一个，否则新用户无法调用。
need-key-refused = { $upstream } 拒绝了我们的密钥。请设置新的密钥。
need-quota-spent = 我们在 { $upstream } 的账户额度已用完。充值之前调用会失败。
need-secret-leaked = { $upstream } 的回答中含有我们自己的密钥，已被中止。请更换密钥。
need-failing = { $upstream } 出现故障：最近一小时 { $all } 次调用中有 { $failed } 次失败。
need-reserves = 最近一周记入了 { $count } 笔崩溃预留，请查看。

# 用户
users-lead = 在这里拥有账号的所有人。
users-caption = 用户（按注册时间从早到晚）
users-empty = 没有符合条件的用户。请更改搜索条件，或添加用户。
users-search = 电子邮箱开头
user-lead = 此用户的权限，以及适用的套餐。
user-save = 保存用户
user-link = 生成链接
user-disabled = 此账号已停用。其会话已结束，密钥会被拒绝。
role-member = 成员
role-admin = 管理员
role-owner = 所有者
role-hint = 成员可使用套餐允许的内容。管理员可管理所有者以外的一切。
state-active = 正常
state-disabled = 已停用
state-hint = 停用会在一秒内结束所有会话并使所有密钥失效。可在此处恢复。
no-own-plan = 未单独指定
plan-hint = 未单独指定套餐时，先采用用户组的套餐，再采用默认套餐。
no-groups = 无

# 套餐
plans-lead = 决定用户可以调用什么、速度多快、用量多少。
plans-caption = 套餐（按名称）
plans-empty = 套餐会显示在这里。没有套餐时任何人都不能调用模型。
plan-make = 创建套餐
plan-save = 保存套餐
plan-lead = 限额按拥有此套餐的每个用户分别计算。留空表示不限。
plan-id = 套餐名称
no-models = 无
all-models = 全部
models-hint = 每行一个：模型名称，或名称开头加 *。单独一个 * 表示全部。
max-output = 单次调用的输出上限（token）
max-output-hint = 一次调用最多可以请求的数量；没有指明时也采用此值。
rates-heading = 速率
requests-per-minute = 每分钟调用次数
tokens-per-minute = 每分钟 token 数
concurrent = 同时进行的调用
rate-requests = 每分钟 { $limit } 次
rate-tokens = 每分钟 { $limit } token
rate-concurrent = 同时 { $limit } 个
budgets-heading = 预算
budget-money-day = 每天费用
budget-money-week = 每周费用
budget-money-month = 每月费用
budget-tokens-day = 每天 token
budget-tokens-week = 每周 token
budget-tokens-month = 每月 token
budget-calls-day = 每天调用次数
budget-calls-week = 每周调用次数
budget-calls-month = 每月调用次数
budget-line = { $name }：{ $limit }
money-hint = 以美元为单位，例如 5 或 2.50。
time-zone = 时区
time-zone-hint = 预算的日、周、月以此为准，例如 Asia/Shanghai。

# 用户组
groups-lead = 使用同一套餐的用户，也可以共享预算。
groups-caption = 用户组（按名称）
groups-empty = 用户组会显示在这里。可以一次为多个用户指定套餐。
group-make = 创建用户组
group-save = 保存用户组
group-lead = 套餐适用于未单独指定套餐的成员。共享预算由全体成员共用。
group-id = 用户组短名称
group-name-hint = 显示的名称。留空则使用短名称。
group-no-plan = 无：采用默认套餐
group-plan-hint = 适用于未单独指定套餐的成员。
priority-hint = 用户属于多个用户组时，采用数字最大者的套餐。
members-hint = 每行一个已有账号的电子邮箱。只有这些用户是成员。
members-many = { $count } 人。人数较多，请通过命令行或 API 更改。
pool-heading = 全体成员共享的预算

# 应用
apps-lead = 以自己的密钥和套餐调用模型的软件。
apps-caption = 应用（按注册时间从早到晚）
apps-empty = 应用会显示在这里：例如自行调用模型的机器人、任务或网站。
app-make = 注册应用
app-save = 保存应用
app-lead = 套餐决定它可以调用什么。它用自己的密钥调用。
app-keys = { $app } 的密钥
app-no-plan = 无：无法调用
app-owner = 负责人
app-state-hint = 停用会在一秒内使其所有密钥失效。可在此处恢复。
app-disabled = 此应用已停用，密钥会被拒绝。
type-confidential = 机密
type-public = 公开
type-confidential-long = 机密：在服务器上运行，能够保守秘密
type-public-long = 公开：在浏览器或用户的设备上运行

# 模型
models-lead = 调用时使用的名称、其背后的模型及价格。
models-caption = 模型（按名称）
models-empty = 模型会显示在这里。没有模型就无法调用。
model-make = 添加模型
model-save = 保存模型
model-lead = 对此名称的调用会发往上游的模型。预算留空表示不限。
model-needs-upstream = 模型需要上游，目前还没有。
alias-hint = 调用时使用的名称：1 到 64 个字符，可用 a-z、0-9、“-”、“_”和“.”，之后不能更改。
model-there-hint = 上游所用的名称，例如 gpt-4o-mini。价格按此名称查找。
model-budgets-heading = 所有调用合计的预算
no-price-means = 无价格：计入 token 和调用次数，不计入费用。
price-tier = { $class }，输入达到 { $from } token 起
context-tokens = 上下文长度（token）

# 调用
entries-lead = 每次调用的每次尝试、费用及结果。
entries-caption = 调用（从新到旧）
entries-none = 调用会显示在这里。可以用账号页面上的密钥发起第一次调用：
entries-empty = 没有符合条件的调用。请更改条件。
entries-user = 用户（电子邮箱或 ID）
entries-key = 密钥（ID）
entry-all = 全部
entry-open = 进行中
entry-settled = 已结算
entry-estimated = 估算
entry-interrupted = 已中断
entry-crash_reserve = 崩溃预留
entry-failed = 失败
entry-released = 已释放
entry-title = 调用详情
entry-attempt = 第 { $n } 次尝试
entry-budget = 预算
entry-held = 预留上限
entry-charged = 计入预算
entry-excess = 超额
entry-excess-means = 上游报告的用量超过预留，预算按预留计入。
entry-call = 调用 ID
budget-of = { $name }（{ $holder }）
whole-installation = 整个系统
cost-held = 预留 { $money }
in-tokens = { $n ->
   *[other] { $said } token
}
in-calls = { $n ->
   *[other] { $said } 次
}
reserve-what = 这是崩溃时可能未及记录的调用费用。请与上游的账单核对。
reserve-released = 此预留已释放，额度已退回预算。
release = 释放预留
release-lead = 确认上游没有收费后，将 { $amount } 退回预算“{ $budget }”。此操作无法撤销。

# 用量
usage-lead = 所有人的用量。未选日期时显示最近 30 天。
usage-caption = 用量（日期从新到旧）
usage-cut = 用量（前 500 行，CSV 文件包含全部）
usage-empty = 这段时间没有用量。请选择其他日期。
usage-from = 开始日期
usage-to = 结束日期
usage-by = 分组方式
usage-by-day = 日期
usage-by-day-model = 日期和模型
usage-by-day-user = 日期和用户
usage-by-model = 模型
usage-by-user = 用户
usage-by-key = 密钥
usage-by-day-model-user = 日期、模型和用户
usage-csv = 下载 CSV

# 上游
upstreams-lead = 调用所去往的模型服务商。密钥加密保存，不会显示。
upstreams-caption = 上游（按名称）
upstreams-empty = 上游会显示在这里：OpenAI，或任何兼容其 API 的服务。
upstream-make = 添加上游
upstream-save = 保存上游
upstream-test = 测试上游
test-works = 可以使用：密钥有效，共有 { $n } 个模型。
test-key-refused = 有应答，但密钥被拒绝。请粘贴其他密钥并保存。
test-unreachable = 没有应答。请检查基础 URL，以及此服务器能否访问它。
test-unexpected = 有应答（状态 { $status }），但不是模型列表。请检查基础 URL。
upstream-lead = 调用去往哪里，使用哪个密钥。
upstream-id = 上游名称
base-url-hint = 其路由的起始地址，例如 https://api.openai.com/v1。
api-key = API 密钥
api-key-hint = 在该服务上使用的密钥。加密保存，之后不再显示。
api-key-keep = 密钥已设置。留空则保持不变；更换主机时需要重新输入。
header = 携带密钥的标头
header-hint = 留空则使用“Authorization: Bearer”。例如 Azure 使用 api-key。
key-set = 已设置
key-none = 无
key-refused = 被拒绝
key-dry = 账户额度已用完
key-leaked = 在回答中被发现

# 设置
settings-lead = 适用于整个系统的设置。
settings-save = 保存设置
registration = 注册
registration-closed = 关闭：由管理人员添加用户
registration-open = 开放：任何人都可以注册
registration-hint = 谁可以在注册页面创建账号。
default-plan = 默认套餐
default-plan-hint = 适用于既没有单独指定、也没有通过用户组获得套餐的用户。
no-plan = 无：这些用户无法调用

# 审计
audit-lead = 每一次变更的记录，每条记录都通过哈希与前一条相连。
audit-caption = 变更（从新到旧）
audit-empty = 没有符合条件的变更。请更改条件。

# 表单错误
wrong-id = 这个名称不可用。请用 1 到 64 个字符，以小写字母或数字开头，可用 a-z、0-9、“-”、“_”和“.”。
wrong-taken = 这个名称已被占用。请换一个。
wrong-changed = 其他人已先做了更改。请重新加载页面后再修改。
wrong-models = 其中有一行不是模型。* 只能放在名称末尾。
wrong-number = 请输入不小于 1 的整数，或留空。
wrong-amount = 请输入 100000 这样的数字，费用也可以是 2.50，或留空。
wrong-time_zone = 没有这个时区。请使用 Asia/Shanghai 或 UTC 这样的名称。
wrong-max_output_tokens = 请输入不小于 1 的整数。
wrong-base_url = 这个地址不可用。地址须以 https:// 开头（http:// 仅限本机），且不含用户名和查询参数。
wrong-api_key = 密钥格式不对，或因更换主机而需要重新输入。请粘贴完整的密钥。
wrong-header = 这不是可以携带密钥的标头名称。
wrong-plan = 没有这个套餐。请选择其他套餐。
wrong-default_plan = 没有这个套餐。请选择其他套餐。
wrong-right = 只有所有者才能对所有者执行此操作；受限制的密钥也不能设立或启用管理员。请以有权限的用户身份执行。
wrong-last-owner = 这是最后一位所有者。请先将其他人设为所有者。
wrong-name = 名称须为 1 到 200 个字符，不含换行。
wrong-priority = 请输入整数，例如 10。
wrong-member = 没有使用 { $email } 的用户。请更正，或先添加该用户。
wrong-members = 其中有用户已不存在。请更正列表。
wrong-user = 没有使用此邮箱的用户。
wrong-upstream = 没有这个上游。请选择其他上游。
wrong-model = 请输入上游所用的名称，最多 256 字节。
