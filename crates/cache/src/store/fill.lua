-- Puts an entry in, if its generation and the epochs of its lanes are those that were seen before it was computed.
-- KEYS: the entry, its generation, its lanes
-- ARGV: the generation that was seen ('' for none), for how many milliseconds the entry is kept, the entry; each lane's epoch
local held = redis.call('mget', unpack(KEYS, 2))
if (held[1] or '') ~= ARGV[1] then
    return 0
end
for i = 2, #held do
    if not held[i] or string.sub(held[i], 1, 16) ~= ARGV[i + 2] then
        return 0
    end
end
redis.call('set', KEYS[1], ARGV[3], 'px', ARGV[2])
return 1
