"""The part of a load balancer's work that Envoy has no setting for, as a Lua filter: trace ids and redirects.

Trace ids: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-request-tracing.html
A request without one gets `Root`; one with `Root` keeps it and gets the load balancer's own `Self`; other fields stay.
"""

SCRIPT = r"""
math.randomseed(os.time() + tonumber(tostring({}):match("0x(%x+)"), 16) % 0x7fffffff)

local function new_id()
  local function word() return math.random(0, 0xffffffff) end
  return string.format("1-%08x-%08x%08x%08x", os.time(), word(), word(), word())
end

local function traced(header)
  if header == nil or header == "" then return "Root=" .. new_id() end
  if not (";" .. header):find("; *[Rr][Oo][Oo][Tt]=") then return "Root=" .. new_id() .. ";" .. header end
  local rest = {}
  for field in header:gmatch("[^;]+") do
    if not field:find("^ *[Ss][Ee][Ll][Ff]=") then rest[#rest + 1] = field end
  end
  return "Self=" .. new_id() .. ";" .. table.concat(rest, ";")
end

local function filled(template, headers)
  local host, port = (headers:get(":authority") or ""):match("^(.-):?(%d*)$")
  local path, query = (headers:get(":path") or "/"):match("^/?([^?]*)%??(.*)$")
  local parts = {protocol = "http", host = host, port = port ~= "" and port or "80", path = path, query = query}
  return (template:gsub("#{(%l+)}", parts))
end

local function redirect(handle, fields)
  local headers = handle:headers()
  local location = filled(fields:get("location"), headers)
  local query = filled(fields:get("query"), headers)
  if query ~= "" then location = location .. "?" .. query end
  handle:respond({
    [":status"] = fields:get("status"),
    ["location"] = location,
    ["server"] = "awselb/2.0",
    ["content-type"] = "text/html",
  }, fields:get("body"))
end

function envoy_on_request(handle)
  local fields = handle:metadata()
  if fields:get("location") then
    redirect(handle, fields)
  else
    local headers = handle:headers()
    headers:replace("x-amzn-trace-id", traced(headers:get("x-amzn-trace-id")))
  end
end
"""
