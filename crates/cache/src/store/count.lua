-- Counts one more; the time begins with the first. What isn't a number begins anew.
-- KEYS: the counter; ARGV: for how many milliseconds it counts
local count = redis.pcall('incr', KEYS[1])
if type(count) ~= 'number' then
    redis.call('del', KEYS[1])
    count = redis.call('incr', KEYS[1])
end
if redis.call('pttl', KEYS[1]) < 0 then
    redis.call('pexpire', KEYS[1], ARGV[1])
end
return {count, redis.call('pttl', KEYS[1])}
