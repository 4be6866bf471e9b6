# a mapping that misses all the time: no more read-around after a hundred
file f0 ext4 4700 fill cold
mmap 0 4700 rw shared f0
write 20 1 100 40
sleep 300
mincore 3960 80
write 4020 1
sleep 30
mincore 3990 60
write 4060 1
sleep 30
mincore 4030 60
write 4100 1 2 40
sleep 30
mincore 4080 100
read 4200
sleep 30
mincore 4180 100
read 21
read 61
sleep 30
mincore 0 100
write 4250 1
sleep 30
mincore 4200 100
read 101
read 141
read 181
read 221
read 261
read 301
sleep 30
write 4350 1
sleep 30
mincore 4300 100
snap status
