-- Moves a lane on, if it is as its keeper left it, and throws out what is stale in the same step: whoever sees the lane's
-- new position sees none of it. Each entry gets another generation, so that nobody puts in what they read before.
-- KEYS: the lane; then for each entry its key and its generation's
-- ARGV: the lane as it was left, as it is to be; the next generation, and for how many seconds it is kept
if redis.pcall('get', KEYS[1]) ~= ARGV[1] then
    return 0
end
for i = 2, #KEYS, 2 do
    redis.call('del', KEYS[i])
    redis.call('set', KEYS[i + 1], ARGV[3], 'ex', ARGV[4])
end
redis.call('set', KEYS[1], ARGV[2])
return 1
