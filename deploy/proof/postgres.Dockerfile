# Stands in for postgres:16.14-alpine: Debian's PostgreSQL and busybox, laid out the way the official image documents.
FROM scratch
COPY root/ /
RUN ["/bin/busybox", "--install", "-s", "/bin"]
# /var/run leads to /run there; the socket's directory and an empty volume belong to postgres.
RUN printf 'root:x:0:0::/root:/bin/sh\npostgres:x:70:70::/var/lib/postgresql:/bin/sh\n' >/etc/passwd \
 && printf 'root:x:0:\npostgres:x:70:\n' >/etc/group \
 && mkdir -p /root /tmp /run/postgresql /var/lib/postgresql/data /docker-entrypoint-initdb.d \
 && ln -s ../run /var/run && chmod 1777 /tmp /var/lib/postgresql/data && chmod 3777 /run/postgresql \
 && chown -R 70:70 /run/postgresql /var/lib/postgresql \
 && sed -i "s/^#*listen_addresses *=.*/listen_addresses = '*'/" /usr/share/postgresql/*/postgresql.conf.sample
ARG BIN
ENV PATH=/usr/local/bin:/bin:${BIN} LANG=C.UTF-8 PGDATA=/var/lib/postgresql/data
VOLUME /var/lib/postgresql/data
STOPSIGNAL SIGINT
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["postgres"]
LABEL standin="Debian's PostgreSQL in place of postgres:16.14-alpine"
