-- For wrk: the requests of the file that BENCHMARK_REQUESTS names, one after the other. A line is a
-- secret, a tab and a body; a line is made a request when it is first sent.
local lines, requests, place = {}, {}, 0

function init()
  for line in io.lines(os.getenv("BENCHMARK_REQUESTS")) do
    lines[#lines + 1] = line
  end
end

function request()
  place = place % #lines + 1
  if not requests[place] then
    local secret, body = lines[place]:match("^(.-)\t(.*)$")
    local headers = {
      ["Authorization"] = "Bearer " .. secret,
      ["Content-Type"] = "application/json",
    }
    requests[place] = wrk.format("POST", nil, headers, body)
  end
  return requests[place]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "microseconds": %d, "bytes": %d, "p50": %d, "p99": %d, "failed": %d}\n',
    summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(99),
    errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
