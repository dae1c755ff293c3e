"""The private Redis of a home: started when someone needs it, again if it ends, stopped when the last user leaves.

    <home>/redis/address.json     port and password, for its owner's eyes only; they outlive the server, not a copy
    <home>/redis/alive            locked by the server itself for as long as it lives
    <home>/redis/users            locked, shared, by each process that uses the server
    <home>/redis/starting         locked while a process starts or stops it

The locks are the kernel's (flock): they end with the process that holds them, by kill -9 too. No number in a file is
therefore taken for a living server, and no process is ever killed: a server is asked to stop, over a connection that
knows its password. What state a server is in is read from the locks and from its answers alone:

                 running(), first user                    PING answered
    ABSENT  ------------------------------>  STARTING  ------------------->  ANSWERING
    "alive" is free           |              "alive" is held                 "alive" is held
      ^   ^                   | port taken:     |   ^                            |      |
      |   |                   | another port,   |   | reads its file:            |      | last user leaves:
      |   |                   | another password|   | the wait begins anew       |      | SHUTDOWN, wait for "alive"
      |   |                   v                 |   +-----                       |      v
      |   +---- ends with another fault: PrivateRedisError, with its last words  |   STOPPING
      |                                                                          |      |
      +-------------------------- it was killed <--------------------------------+      |
      |                                |                                                |
      |                                +--> the watch of any user takes "starting" and starts it again
      +---------------------------------------------------------------------------------+

A platform that was killed leaves its server ANSWERING, and the next process of the same home goes on with it.

The password is also how a server and those who connect recognise each other as of one home: every connection has to
present it. The address file therefore names the folder that it was written for, by device and inode, and a copy of it
counts for nothing: the copied home draws a port and a password of its own. A home that was renamed keeps both.

`locks` knows who lives, `address` where, `server` the process, `watch` when to look again; `lifecycle` is the diagram.
"""

from feature_repo.stores.private_redis.address import PrivateRedisError, client_of, without_password
from feature_repo.stores.private_redis.lifecycle import address, is_running, running

__all__ = ["PrivateRedisError", "address", "client_of", "is_running", "running", "without_password"]
