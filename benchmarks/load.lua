-- For wrk: each request is a body of the file that BENCHMARK_BODIES names, by the key BENCHMARK_KEY.
local requests = {}

function init()
  local headers = {
    ["Authorization"] = "Bearer " .. os.getenv("BENCHMARK_KEY"),
    ["Content-Type"] = "application/json",
  }
  for body in io.lines(os.getenv("BENCHMARK_BODIES")) do
    requests[#requests + 1] = wrk.format("POST", os.getenv("BENCHMARK_PATH"), headers, body)
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
