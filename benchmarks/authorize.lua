-- For wrk: each request asks about a key and a model of the file that BENCHMARK_CALLS names.
local requests = {}

function init()
  local headers = {
    ["Authorization"] = "Bearer " .. os.getenv("BENCHMARK_GATEWAY"),
    ["Content-Type"] = "application/json",
  }
  for body in io.lines(os.getenv("BENCHMARK_CALLS")) do
    requests[#requests + 1] = wrk.format("POST", "/authorize", headers, body)
  end
  math.randomseed(os.time())
end

function request()
  return requests[math.random(#requests)]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "microseconds": %d, "p50": %d, "p99": %d, "failed": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
