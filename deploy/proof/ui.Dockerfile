# Stands in for temporalio/ui: the very release, built from its Go module, with the configuration and the script beside it there.
FROM scratch
COPY root/ /
RUN ["/bin/busybox", "--install", "-s", "/bin"]
RUN printf 'root:x:0:0::/root:/bin/sh\ntemporal:x:1000:1000::/home/temporal:/bin/sh\n' >/etc/passwd \
 && printf 'root:x:0:\ntemporal:x:1000:\n' >/etc/group \
 && mkdir -p /root /tmp /home/temporal && chmod 1777 /tmp && chown -R 1000:1000 /home/temporal /home/ui-server
ENV PATH=/usr/local/bin:/bin TEMPORAL_CLOUD_UI=false
WORKDIR /home/ui-server
USER temporal
EXPOSE 8080
ENTRYPOINT ["./start-ui-server.sh"]
LABEL standin="ui-server of the Go module, on busybox, bash and Debian's C library"
